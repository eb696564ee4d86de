"""Alembic's environment: runs on the connection that `imgindex.store.upgrade` gives it."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transactional_ddl=False)
context.run_migrations()
