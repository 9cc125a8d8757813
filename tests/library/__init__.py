"""An app of Appwrite models for the tests."""
