"""`python -m chorus` is `chorus`."""

from chorus.cli.main import main

main()
