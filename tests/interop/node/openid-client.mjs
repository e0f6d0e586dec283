// openid-client: discovery, code with PKCE and nonce, userinfo, refresh, introspection, revocation, client credentials.
import * as client from "openid-client";
import { calledBack, done, expect, expectRefusal, told } from "./talk.mjs";

const insecure = { execute: [client.allowInsecureRequests] };
const methods = { client_secret_basic: client.ClientSecretBasic, client_secret_post: client.ClientSecretPost };
const authenticate = told.method === "none" ? client.None() : methods[told.method](told.secret);
const metadata = { client_secret: told.secret, id_token_signed_response_alg: told.algorithm };
const config = await client.discovery(new URL(told.issuer), told.client, metadata, authenticate, insecure);
expect(config.serverMetadata().authorization_response_iss_parameter_supported, "iss is announced");

const verifier = client.randomPKCECodeVerifier();
const nonce = client.randomNonce();
const state = client.randomState();
const address = client.buildAuthorizationUrl(config, {
  redirect_uri: told.callback,
  scope: "openid profile email offline_access",
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  nonce,
  state,
});
const back = await calledBack(address);
const checks = { pkceCodeVerifier: verifier, expectedNonce: nonce, expectedState: state, idTokenExpected: true };

const foreign = new URL(back);
foreign.searchParams.set("iss", "https://mix-up.example");
await expectRefusal(client.authorizationCodeGrant(config, foreign, checks), "OAUTH_INVALID_RESPONSE");

const tokens = await client.authorizationCodeGrant(config, back, checks);
const claims = tokens.claims();
const person = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
await expectRefusal(client.authorizationCodeGrant(config, back, checks), "invalid_grant");
const fresh = await client.refreshTokenGrant(config, tokens.refresh_token);
expect(fresh.refresh_token !== tokens.refresh_token, "refresh tokens rotate");

let service;
if (told.method !== "none") {
  expect((await client.tokenIntrospection(config, fresh.access_token)).active, "the access token is active");
  service = await client.clientCredentialsGrant(config, { scope: "read" });
  expect(service.refresh_token === undefined, "a service gets no refresh token");
}
await client.tokenRevocation(config, fresh.refresh_token);
await expectRefusal(client.refreshTokenGrant(config, fresh.refresh_token), "invalid_grant");
if (told.method !== "none") {
  expect(!(await client.tokenIntrospection(config, fresh.access_token)).active, "its grant is over");
}
done({ sub: claims.sub, nonce: claims.nonce === nonce, email: person.email, service: service?.scope ?? null });
