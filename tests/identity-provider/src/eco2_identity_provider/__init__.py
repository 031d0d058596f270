"""Google, Kakao and Naver on this machine, each with the habits of its own: for tests and for the local product."""
