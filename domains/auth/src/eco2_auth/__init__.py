"""Accounts, login with Google, Kakao and Naver, and the tokens the gateway checks."""
