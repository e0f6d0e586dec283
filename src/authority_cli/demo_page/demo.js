/* A relying party in the browser: authorization code with PKCE, as a public client, with nothing but the platform. */

import { claims, steps as stories, tokens as titles } from "./words.js";

const CLIENT = "demo-spa";
const SCOPE = "openid profile email address phone offline_access reports:read";
const HERE = location.origin + "/demo";
const KEPT = "authority-demo";

const at = (id) => document.getElementById(id);
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
let metadata = null;
let held = null;
let count = 0;

/* --- bytes --- */

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function bytes(text) {
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
}

function decoded(token) {
  const parts = token.split(".");
  if (parts.length !== 3) return null;
  const [header, payload] = parts.slice(0, 2).map((part) => JSON.parse(new TextDecoder().decode(bytes(part))));
  return { header, payload, parts };
}

async function challenge(verifier) {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

/* --- drawing: text is always set as text --- */

function make(tag, className, ...inside) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...inside.filter((one) => one !== null));
  return element;
}

function wire(caption, text) {
  return make("figure", "wire", make("figcaption", "", caption), make("pre", "", make("code", "", text)));
}

function step(title, { method, address, story, request, response, badge, good = true }) {
  count += 1;
  const summary = make("summary", "",
    make("span", "number", String(count)),
    make("span", `method method-${method.toLowerCase()}`, method),
    make("span", "what", title, make("code", "", address)),
    make("span", good ? "badge badge-success" : "badge badge-warning", badge));
  const inside = make("div", "inside", make("p", "", story));
  if (request) inside.append(wire("This application sends", request));
  if (response) inside.append(wire("The server answers", response));
  const details = make("details", "step", summary, inside);
  at("steps").append(details);
  return details;
}

function lines(url, query) {
  const pairs = [...new URLSearchParams(query)].map(([name, value]) => `  ${name}=${value}`);
  return `${url}\n${pairs.join("\n")}`;
}

function shortened(value) {
  return typeof value === "string" && value.length > 120 ? value.slice(0, 60) + " … " + value.slice(-12) : value;
}

function pretty(value) {
  return JSON.stringify(value, (_, one) => shortened(one), 2);
}

function table(values, kind) {
  const rows = Object.entries(values).map(([name, value]) => {
    const shown = typeof value === "object" ? JSON.stringify(value, null, Array.isArray(value) ? 0 : 1) : String(value);
    const words = claims[name] ? claims[name](value, kind) : "A claim of this server's own.";
    return make("tr", "", make("th", "", name), make("td", "", make("code", "", shown)), make("td", "", words));
  });
  rows.forEach((row) => { row.firstChild.scope = "row"; });
  return make("table", "claims", make("tbody", "", ...rows));
}

function card(kind, token, badge) {
  const [title, words] = titles[kind];
  const head = make("div", "panel-head tall", make("div", "", make("h2", "", title), make("p", "", words)),
    badge ? make("span", badge.good ? "badge badge-success" : "badge badge-warning", badge.text) : null);
  const found = decoded(token);
  const text = make("code", "");
  text.tabIndex = 0;
  if (found) {
    found.parts.forEach((part, index) => text.append(index ? "." : "", make("span", "abc"[index], part)));
  } else {
    text.append(token);
  }
  return make("section", "panel", head, make("div", "token-text", text), found ? table(found.payload, kind) : null);
}

function fail(text) {
  at("working").hidden = true;
  at("trouble").textContent = text;
  at("trouble").hidden = false;
  if (!held) at("before").hidden = false;
}

/* --- the protocol --- */

async function fetched(url, options) {
  const answer = await fetch(url, { cache: "no-store", credentials: "omit", ...options });
  const body = await answer.json().catch(() => ({}));
  return { ok: answer.ok, status: `${answer.status} ${answer.statusText}`.trim(), body };
}

async function discover() {
  const found = await fetched("/.well-known/openid-configuration");
  if (!found.ok || found.body.issuer !== location.origin) throw new Error("The server's metadata does not fit its address.");
  metadata = found.body;
}

async function signIn() {
  await discover();
  const kept = { state: random(), nonce: random(), verifier: random() };
  const query = new URLSearchParams({
    response_type: "code", client_id: CLIENT, redirect_uri: HERE, scope: SCOPE, state: kept.state, nonce: kept.nonce,
    code_challenge: await challenge(kept.verifier), code_challenge_method: "S256", login_hint: "demo",
  });
  kept.asked = query.toString();
  sessionStorage.setItem(KEPT, JSON.stringify(kept));
  location.assign(`${metadata.authorization_endpoint}?${query}`);
}

async function comeBack(query) {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) || "null");
  sessionStorage.removeItem(KEPT);
  history.replaceState(null, "", "/demo");
  if (!kept || query.get("state") !== kept.state) throw new Error("This answer does not belong to a sign-in of this page. Start again.");
  await discover();
  if (query.get("iss") !== metadata.issuer) throw new Error("This answer comes from another server. Start again.");
  if (query.get("error") === "access_denied") throw new Error("You said no, and the application was told so. Nothing was given away.");
  if (!query.get("code")) throw new Error(`The server refused: ${query.get("error_description") || query.get("error")}`);
  at("working").hidden = false;
  step("Discovery", { method: "GET", address: "/.well-known/openid-configuration", story: stories.discovery, response: pretty(metadata), badge: "200 OK" });
  step("Authorization request", { method: "GET", address: new URL(metadata.authorization_endpoint).pathname, story: stories.ask,
    request: lines(`GET ${metadata.authorization_endpoint}`, kept.asked), badge: "the browser goes" });
  step("Authorization response", { method: "GET", address: "/demo", story: stories.back,
    response: lines(`302 Found\nlocation: ${HERE}`, query), badge: "the browser returns" });
  await redeem(query.get("code"), kept);
}

async function tokenRequest(title, story, form) {
  const found = await fetched(metadata.token_endpoint, { method: "POST", body: new URLSearchParams(form) });
  step(title, { method: "POST", address: new URL(metadata.token_endpoint).pathname, story,
    request: lines(`POST ${metadata.token_endpoint}`, new URLSearchParams(form)), response: `${found.status}\n${pretty(found.body)}`,
    badge: found.status, good: found.ok });
  if (!found.ok) throw new Error(found.body.error_description || "The server refused.");
  return found.body;
}

async function redeem(code, kept) {
  const form = { grant_type: "authorization_code", client_id: CLIENT, code, redirect_uri: HERE, code_verifier: kept.verifier };
  const answer = await tokenRequest("Code for tokens", stories.redeem, form);
  const id = decoded(answer.id_token).payload;
  if (id.nonce !== kept.nonce || id.iss !== metadata.issuer || ![].concat(id.aud).includes(CLIENT)) {
    throw new Error("The ID token is not for this sign-in.");
  }
  held = answer;
  const good = await verified(answer.id_token);
  const person = await userInfo();
  at("working").hidden = true;
  show(person, good);
  at("greeting").focus();
}

async function verified(token) {
  const keys = await fetched(metadata.jwks_uri);
  const { header, parts } = decoded(token);
  const jwk = (keys.body.keys || []).find((key) => key.kid === header.kid);
  const known = {
    RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
    ES256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
    EdDSA: { name: "Ed25519" },
  }[header.alg];
  let good = false;
  if (jwk && known) {
    const key = await crypto.subtle.importKey("jwk", jwk, known, false, ["verify"]);
    good = await crypto.subtle.verify(known, key, bytes(parts[2]), new TextEncoder().encode(`${parts[0]}.${parts[1]}`));
  }
  step("Public keys", { method: "GET", address: new URL(metadata.jwks_uri).pathname, story: stories.jwks,
    response: pretty(keys.body), badge: good ? "signature verified" : "signature not verified", good });
  if (!good) throw new Error("The ID token's signature could not be verified, so nobody is signed in.");
  return header;
}

async function userInfo() {
  const found = await fetched(metadata.userinfo_endpoint, { headers: { authorization: `Bearer ${held.access_token}` } });
  step("UserInfo", { method: "GET", address: new URL(metadata.userinfo_endpoint).pathname, story: stories.userinfo,
    request: `GET ${metadata.userinfo_endpoint}\nauthorization: Bearer ${shortened(held.access_token)}`,
    response: `${found.status}\n${pretty(found.body)}`, badge: found.status, good: found.ok });
  if (!found.ok) throw new Error("UserInfo refused the access token: it has ended or was revoked. Sign in again.");
  return found.body;
}

function show(person, header) {
  at("before").hidden = true;
  at("after").hidden = false;
  at("sign-out").hidden = false;
  const name = person.name || person.preferred_username || person.sub;
  at("greeting").textContent = `Hello, ${name}`;
  at("initial").textContent = name.slice(0, 1).toUpperCase();
  at("summary").textContent = [person.preferred_username, person.email].filter(Boolean).join(" · ");
  at("refresh").hidden = !held.refresh_token;
  const badge = { good: true, text: `${header.alg} signature verified` };
  const about = make("section", "panel", make("div", "panel-head tall", make("div", "", make("h2", "", "UserInfo"),
    make("p", "", "What the access token let this application read about you."))), table(person, "userinfo"));
  at("tokens").replaceChildren(card("id", held.id_token, badge), card("access", held.access_token, null),
    ...(held.refresh_token ? [card("refresh", held.refresh_token, null)] : []), about);
}

async function refresh() {
  const form = { grant_type: "refresh_token", client_id: CLIENT, refresh_token: held.refresh_token };
  held = { ...held, ...(await tokenRequest("Fresh tokens", stories.refresh, form)) };
  const header = await verified(held.id_token);
  show(await userInfo(), header);
  at("steps").lastChild.scrollIntoView({ block: "center", behavior: "smooth" });
}

/* --- the page --- */

function guarded(button, work) {
  button.addEventListener("click", async () => {
    if (button.disabled) return;
    button.disabled = true;
    at("trouble").hidden = true;
    try { await work(); } catch (error) { fail(error.message); }
    button.disabled = false;
  });
}

guarded(at("sign-in"), signIn);
guarded(at("refresh"), refresh);
guarded(at("userinfo"), async () => { await userInfo(); at("steps").lastChild.scrollIntoView({ block: "center", behavior: "smooth" }); });

const query = new URLSearchParams(location.search);
if (query.has("code") || query.has("error")) {
  comeBack(query).catch((error) => fail(error.message));
} else {
  at("before").hidden = false;
}
