"""Begin, commit, rollback; the version is in every reply's Server header."""

from tests.vast.database import Database
from tests.vast.http import Reply, Request


def probe(database: Database, request: Request) -> Reply:
    """Answers the version probe of a connecting session."""
    return Reply()


def begin(database: Database, request: Request) -> Reply:
    """Opens a transaction."""
    return Reply(headers={"tabular-txid": str(database.transactions.begin().txid)})


def commit(database: Database, request: Request) -> Reply:
    """Commits; a transaction that no longer fits is rolled back and refused (409)."""
    transactions = database.transactions
    transactions.commit(transactions.get(request.txid))
    return Reply()


def rollback(database: Database, request: Request) -> Reply:
    """Rolls back."""
    transactions = database.transactions
    transactions.rollback(transactions.get(request.txid))
    return Reply()


def get_transaction(database: Database, request: Request) -> Reply:
    """Answers whether a transaction is open, 404 otherwise."""
    database.transactions.get(request.txid)
    return Reply()
