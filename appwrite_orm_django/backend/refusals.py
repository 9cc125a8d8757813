"""What is refused wherever it comes in."""

from django.db import NotSupportedError


def refuse_sql(text: object) -> NotSupportedError:
    """Return the error for SQL text, which Appwrite does not speak."""
    return NotSupportedError(
        f"Appwrite runs no SQL, and only what reads can be evaluated here, unlike: {str(text)[:100]}\n"
        f"Use the queryset API, or the client behind connection.transport for anything beyond it."
    )
