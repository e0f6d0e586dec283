// oauth4webapi: the same with every check made by hand, signatures included.
import * as oauth from "oauth4webapi";
import { calledBack, done, expect, expectRefusal, told } from "./talk.mjs";

const insecure = { [oauth.allowInsecureRequests]: true };
const issuer = new URL(told.issuer);
for (const algorithm of ["oidc", "oauth2"]) {
  const found = await oauth.discoveryRequest(issuer, { algorithm, ...insecure });
  await oauth.processDiscoveryResponse(issuer, found);
}
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
const client = { client_id: told.client, id_token_signed_response_alg: told.algorithm };
const methods = { client_secret_basic: oauth.ClientSecretBasic, client_secret_post: oauth.ClientSecretPost };
const authenticate = told.method === "none" ? oauth.None() : methods[told.method](told.secret);

const verifier = oauth.generateRandomCodeVerifier();
const nonce = oauth.generateRandomNonce();
const state = oauth.generateRandomState();
const address = new URL(as.authorization_endpoint);
address.search = new URLSearchParams({
  client_id: told.client,
  redirect_uri: told.callback,
  response_type: "code",
  scope: "openid profile email offline_access",
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  max_age: "3600",
  nonce,
  state,
});
const back = await calledBack(address);
const parameters = oauth.validateAuthResponse(as, client, back, state);

async function redeemed() {
  const answer = await oauth.authorizationCodeGrantRequest(
    as, client, authenticate, parameters, told.callback, verifier, insecure,
  );
  const checks = { expectedNonce: nonce, maxAge: 3600, requireIdToken: true };
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer, checks);
  await oauth.validateApplicationLevelSignature(as, answer, insecure);
  return tokens;
}

const tokens = await redeemed();
await expectRefusal(redeemed(), "invalid_grant");
const claims = oauth.getValidatedIdTokenClaims(tokens);
const described = await oauth.userInfoRequest(as, client, tokens.access_token, insecure);
const person = await oauth.processUserInfoResponse(as, client, claims.sub, described);

async function refreshed(token) {
  const answer = await oauth.refreshTokenGrantRequest(as, client, authenticate, token, insecure);
  return oauth.processRefreshTokenResponse(as, client, answer);
}

async function introspected(token) {
  const answer = await oauth.introspectionRequest(as, client, authenticate, token, insecure);
  return (await oauth.processIntrospectionResponse(as, client, answer)).active;
}

const fresh = await refreshed(tokens.refresh_token);
expect(fresh.refresh_token !== tokens.refresh_token, "refresh tokens rotate");
let service;
if (told.method !== "none") {
  expect(await introspected(fresh.access_token), "the access token is active");
  const asked = { scope: "read" };
  const answer = await oauth.clientCredentialsGrantRequest(as, client, authenticate, asked, insecure);
  service = await oauth.processClientCredentialsResponse(as, client, answer);
}
const given = await oauth.revocationRequest(as, client, authenticate, fresh.refresh_token, insecure);
await oauth.processRevocationResponse(given);
await expectRefusal(refreshed(fresh.refresh_token), "invalid_grant");
if (told.method !== "none") expect(!(await introspected(fresh.access_token)), "its grant is over");
done({ sub: claims.sub, nonce: claims.nonce === nonce, email: person.email, service: service?.scope ?? null });
