"""Alembic's environment: there is no alembic.ini, the caller hands over a live connection."""

from alembic import context

from helpline_mail.adapters.store.schema import UtcDateTime, metadata


def render_item(kind: str, item: object, _autogenerate: object) -> str | bool:
    """Migrations name only what SQLAlchemy knows, so that they stay true when our types change."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    render_item=render_item,
    transactional_ddl=False,  # the caller's transaction is the one that counts, on both databases
)
context.run_migrations()
