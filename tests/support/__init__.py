"""What the integration tests share: waiting, the API server as a test sees it, the operator as a process."""
