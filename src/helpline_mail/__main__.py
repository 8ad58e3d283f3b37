"""`python -m helpline_mail` is `helpline-mail`."""

from helpline_mail.cli import main

if __name__ == "__main__":
    main()
