// What the programs beside this file share: they print an authorization address, are told where the browser was sent
// back to, and print one line of JSON with what they got.
import { createInterface } from "node:readline";

export const told = JSON.parse(process.argv[2]);

export async function calledBack(address) {
  console.log(address.href);
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  return new URL((await lines.next()).value);
}

export function done(result) {
  console.log(JSON.stringify(result));
  process.exit(0);
}

export function expect(holds, what) {
  if (!holds) throw new Error(`not so: ${what}`);
}

export async function expectRefusal(promise, error) {
  try {
    await promise;
  } catch (refusal) {
    const told = refusal.error ?? refusal.code ?? String(refusal);
    if (told === error) return;
    throw new Error(`another refusal than ${error}: ${told}`, { cause: refusal });
  }
  throw new Error(`no refusal: ${error}`);
}
