"""What Alembic runs for every upgrade; `schema.upgrade` hands over the connection, inside its transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
