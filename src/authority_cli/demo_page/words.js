/* What the lines of tokens and requests mean, in words. */

const second = (value) => new Date(value * 1000).toLocaleString();
const left = (value) => {
  const minutes = Math.round((value * 1000 - Date.now()) / 60000);
  return minutes > 0 ? `in ${minutes} minutes` : "in the past";
};

export const claims = {
  iss: () => "Who says so: the issuer. It must be exactly the server this application trusts.",
  sub: () => "Who it is about: your identifier here. It never changes and is never given to someone else.",
  aud: (value, kind) => kind === "id"
    ? "Who it is for: this application. Any other application must refuse it."
    : "Which API it is for. Any other API must refuse it.",
  exp: (value) => `When it ends: ${second(value)}, ${left(value)}.`,
  iat: (value) => `When it was made: ${second(value)}.`,
  nbf: (value) => `Not good before ${second(value)}.`,
  auth_time: (value) => `When you last typed your password: ${second(value)}.`,
  nonce: () => "The random value this page sent along. It ties the token to this very sign-in, so an old one cannot be slipped in.",
  at_hash: () => "Half a hash of the access token. It proves that the two belong together.",
  acr: () => "How strong the sign-in was, as a name both sides know.",
  amr: () => "How you signed in: “pwd” is a password.",
  sid: () => "The session in this browser, so that signing out can reach every application.",
  azp: () => "The application that asked for the token.",
  jti: () => "The token's own number, so that one token can be revoked.",
  client_id: () => "The application that acts on your behalf.",
  scope: () => "What you allowed, in the words of the request.",
  gid: () => "The permission this token lives under. Withdraw that, and every token under it is dead.",
  name: () => "Your name, as it is shown.",
  given_name: () => "Your first name.",
  family_name: () => "Your family name.",
  middle_name: () => "Your middle name.",
  nickname: () => "What friends call you.",
  preferred_username: () => "The name you sign in with. It may change, so it is for showing, not for knowing.",
  profile: () => "Your page.",
  picture: () => "Your picture.",
  website: () => "Your site.",
  gender: () => "Your gender, in your words.",
  birthdate: () => "Your birthday.",
  zoneinfo: () => "Your time zone.",
  locale: () => "Your language and region.",
  updated_at: (value) => `When these details last changed: ${second(value)}.`,
  email: () => "Your address.",
  email_verified: (value) => value ? "The server has checked that the address is yours." : "Nobody has checked that the address is yours.",
  address: () => "Where you live.",
  phone_number: () => "Your phone.",
  phone_number_verified: (value) => value ? "The server has checked that the number is yours." : "Nobody has checked the number.",
};

export const steps = {
  discovery: "An application starts from one address, the issuer. This document tells it every other address, and what the server can do.",
  ask: "The browser is sent to the server. No secret travels: the challenge is a hash of a random verifier that never left this page. “state” and “nonce” will show that the answer belongs to this request.",
  back: "You signed in and agreed over there; this page never saw your password. The server sent the browser back with a code. This page checked that “state” is the one it sent and “iss” the server it asked, and took the code out of the address bar.",
  redeem: "The code alone is worth nothing. Together with the verifier, whose hash the server already knows, it becomes tokens, once: a second try is refused, and a stolen code is useless.",
  jwks: "The server's public keys. With them, anyone can check that a token was signed by this server and not changed since.",
  userinfo: "With the access token the application may ask who you are. It gets what you allowed, and nothing else.",
  refresh: "A refresh token fetches fresh tokens without disturbing you. Each is used once and replaced; if an old one is used again later, somebody has copied it, and everything under the permission ends.",
};

export const tokens = {
  id: ["ID token", "For this application: who signed in, how and when."],
  access: ["Access token", "For an API: what this application may do for you. The application only passes it on."],
  refresh: ["Refresh token", "For the server alone: a ticket for fresh tokens. It means nothing to anybody else, so there is nothing to decode."],
};
