// A browser application that signs in with the authorization code grant and PKCE (RFC 7636, RFC 9207).
// Tokens stay in memory: closing the page forgets them. Only the verifier and the state of a sign-in under way are
// kept, in session storage, and taken out when the answer comes.

const parameters = new URLSearchParams(location.search);
const issuer = parameters.get("issuer") ?? sessionStorage.getItem("issuer") ?? "http://localhost:4000";
const client = "demo-spa";
const redirectUri = location.origin + "/callback";
const scope = "openid profile email offline_access";

const show = (id) => document.getElementById(id);
const base64url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

let tokens = null;

async function discover() {
  const answer = await fetch(issuer + "/.well-known/openid-configuration");
  const metadata = await answer.json();
  if (metadata.issuer !== issuer) throw new Error("The metadata is another issuer's.");
  return metadata;
}

async function signIn() {
  const metadata = await discover();
  const verifier = random();
  const state = random();
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  sessionStorage.setItem("issuer", issuer);
  sessionStorage.setItem("under-way", JSON.stringify({ verifier, state }));
  location.assign(metadata.authorization_endpoint + "?" + new URLSearchParams({
    response_type: "code", client_id: client, redirect_uri: redirectUri, scope, state,
    code_challenge: base64url(digest), code_challenge_method: "S256",
  }));
}

async function ask(metadata, form) {
  const answer = await fetch(metadata.token_endpoint, {
    method: "POST",
    body: new URLSearchParams({ client_id: client, ...form }),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error_description ?? body.error);
  return body;
}

async function finish() {
  const underWay = JSON.parse(sessionStorage.getItem("under-way") ?? "null");
  sessionStorage.removeItem("under-way");
  history.replaceState(null, "", "/");
  if (!underWay || parameters.get("state") !== underWay.state) throw new Error("This is not the answer to our question.");
  if (parameters.get("iss") !== issuer) throw new Error("Another server answered.");
  if (parameters.get("error")) throw new Error(parameters.get("error_description") ?? parameters.get("error"));
  const metadata = await discover();
  tokens = await ask(metadata, {
    grant_type: "authorization_code", code: parameters.get("code"), redirect_uri: redirectUri,
    code_verifier: underWay.verifier,
  });
  await greet(metadata);
}

async function refresh() {
  const metadata = await discover();
  tokens = await ask(metadata, { grant_type: "refresh_token", refresh_token: tokens.refresh_token });
  await greet(metadata);
}

async function greet(metadata) {
  const answer = await fetch(metadata.userinfo_endpoint, { headers: { Authorization: "Bearer " + tokens.access_token } });
  const person = await answer.json();
  show("status").textContent = "Signed in as " + (person.name ?? person.sub) + ".";
  show("shown").textContent = JSON.stringify(person, null, 2);
  show("shown").hidden = false;
  show("sign-in").hidden = true;
  show("refresh").hidden = !tokens.refresh_token;
}

const reported = (act) => () => act().catch((error) => { show("status").textContent = error.message; });
show("sign-in").addEventListener("click", reported(signIn));
show("refresh").addEventListener("click", reported(refresh));
if (location.pathname === "/callback") reported(finish)();
