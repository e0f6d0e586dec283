"""OAuth 2.0 and OpenID Connect. It asks who is signed in through a port and knows nothing of accounts."""
