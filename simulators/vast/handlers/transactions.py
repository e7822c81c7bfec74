"""Begin, commit, rollback; the version is in every reply's Server header."""

from simulators.vast.database import Database
from simulators.vast.http.connection import Reply, Request


def probe(database: Database, request: Request) -> Reply:
    """Replies to a new session, which reads the version."""
    return Reply()


def begin(database: Database, request: Request) -> Reply:
    """Opens a transaction."""
    return Reply(headers={"tabular-txid": str(database.transactions.begin().txid)})


def commit(database: Database, request: Request) -> Reply:
    """Commits a transaction. With a conflict, it is rolled back and refused (409)."""
    transactions = database.transactions
    transactions.commit(transactions.get(request.txid))
    return Reply()


def rollback(database: Database, request: Request) -> Reply:
    """Rolls back a transaction."""
    transactions = database.transactions
    transactions.rollback(transactions.get(request.txid))
    return Reply()


def get_transaction(database: Database, request: Request) -> Reply:
    """Succeeds if a transaction is open; else 404."""
    database.transactions.get(request.txid)
    return Reply()
