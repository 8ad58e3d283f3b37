# docker build -t helpline-mail .
# docker run -v ./conf:/etc/helpline-mail:ro -v helpline-mail:/var/lib/helpline-mail helpline-mail
#
# The files in conf must belong to user 10001; those with passwords or keys need mode 0600.
# An SQLite database belongs in the volume: in config.toml, [database] url = "sqlite:////var/lib/helpline-mail/helpline.db"
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/opt/helpline-mail
RUN pip install --no-cache-dir uv
WORKDIR /build
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-dev --extra postgres --no-install-project
COPY . .
RUN uv sync --locked --no-dev --extra postgres --no-editable

FROM ${BASE}
RUN useradd --uid 10001 --create-home --home-dir /var/lib/helpline-mail --shell /usr/sbin/nologin helpline-mail
COPY --from=build /opt/helpline-mail /opt/helpline-mail
ENV PATH=/opt/helpline-mail/bin:$PATH PYTHONUNBUFFERED=1
USER helpline-mail
WORKDIR /var/lib/helpline-mail
VOLUME /var/lib/helpline-mail
STOPSIGNAL SIGTERM
HEALTHCHECK --start-period=30s CMD ["helpline-mail", "-c", "/etc/helpline-mail/config.toml", "health"]
CMD ["helpline-mail", "-c", "/etc/helpline-mail/config.toml", "run"]
