"""What each error code tells the developer of a client, in a sentence or two. The codes are in `problems.STATUS`."""

ERRORS = {
    "invalid_request": "A parameter is missing, repeated, malformed, or the body is not a form. "
    "The description says which rule was broken; the audit trail names the parameter.",
    "invalid_client": "Client authentication failed: an unknown client, a wrong or expired secret, or another method "
    "than the one the client is registered with.",
    "invalid_grant": "The code or refresh token is unknown, expired, used, revoked, or belongs to another client; or "
    "the redirect URI or the PKCE verifier does not match.",
    "unauthorized_client": "The client is known but not registered for this grant or response type.",
    "unsupported_grant_type": "No grant of this name is installed on this server.",
    "invalid_scope": "A scope is unknown, malformed, not allowed to the client, or more than was granted before.",
    "access_denied": "The person said no, or a rule of the server did.",
    "unsupported_response_type": "Only response types listed in the metadata exist; `code` is the usual one.",
    "server_error": "Something failed on the server. Nothing half done was kept; the log has the request id.",
    "temporarily_unavailable": "Storage or a bounded queue is not available. Try again after `Retry-After`.",
    "invalid_target": "A requested resource is unknown or not allowed to the client.",
    "unsupported_token_type": "The token is of a kind that cannot be revoked here.",
    "invalid_token": "The access token is unknown, expired, revoked, or not meant for this resource.",
    "insufficient_scope": "The token is good, but lacks a scope that this resource asks for.",
    "login_required": "`prompt=none` was asked for and nobody is signed in, or not recently enough.",
    "consent_required": "`prompt=none` was asked for and the person has not allowed this yet.",
    "interaction_required": "`prompt=none` was asked for and a page would have to be shown.",
    "account_selection_required": "`prompt=none` was asked for and several accounts could be meant.",
    "request_not_supported": "The `request` parameter is not accepted by this server.",
    "request_uri_not_supported": "The `request_uri` parameter is not accepted by this server.",
    "csrf_failed": "A form was posted without its token, from another site, or after the page had grown too old. "
    "Load the page again.",
    "not_found": "Nothing is served at this address.",
    "method_not_allowed": "The address exists, but not with this method; `Allow` lists those that work.",
    "request_too_large": "The body is larger than `max_request_bytes`.",
    "unsupported_media_type": "The body has a content type that this endpoint does not read.",
    "rate_limit_exceeded": "Too many requests. Wait as long as `Retry-After` says.",
}
