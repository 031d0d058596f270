"""The statements. Each function takes the connection, and with it the transaction, that it works in."""
