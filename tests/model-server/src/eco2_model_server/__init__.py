"""The OpenAI API and Azure AI Vision on this machine, whose answers are always the same: for tests and `make up`."""
