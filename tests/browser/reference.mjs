import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const { BROWSER, BASE, KEY, SCREENSHOT } = process.env;
const question = "Where do we fly in May?";

async function untilItAnswers() {
  for (let attempt = 0; attempt < 600; attempt++) {
    try {
      return await fetch(`${BASE}/health`);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new Error("The server does not answer.");
}

await untilItAnswers();
const stored = await fetch(`${BASE}/v1/messages`, {
  method: "POST",
  headers: { "Content-Type": "application/json", "x-api-key": KEY },
  body: JSON.stringify({ tenant_id: "default", conversation_id: "monday", role: "user", content: "In May we fly to Lisbon." }),
});
assert.equal(stored.status, 202);
const contract = await (await fetch(`${BASE}/openapi.json`)).json();
const operations = Object.values(contract.paths).flatMap((path) => Object.keys(path)).length;

const browser = await chromium.launch({
  executablePath: BROWSER,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1600 } });
  page.setDefaultTimeout(120_000);
  const requests = [];
  const complaints = [];
  page.on("request", (request) => requests.push(request.url()));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.addInitScript(() => {
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective}: ${event.blockedURI}`));
  });

  await page.goto(`${BASE}/docs`);
  await page.waitForFunction((count) => document.querySelectorAll(".opblock").length === count, operations);

  await page.click(".btn.authorize");
  await page.fill("#api_key_value", KEY);
  await page.click(".auth-container:has(#api_key_value) button[type=submit]");
  await page.click(".btn-done");

  const search = page.locator("#operations-Search-searchMemoryByBody");
  await search.locator(".opblock-summary-control").click();
  await search.locator("textarea.body-param__text").fill(JSON.stringify({ query: question }));
  await search.locator("button.execute").click();
  const answer = search.locator(".live-responses-table .response").first();
  await answer.waitFor();
  assert.equal((await answer.locator(".response-col_status").innerText()).trim().slice(0, 3), "200");
  assert.match(await answer.innerText(), /In May we fly to Lisbon/);
  if (SCREENSHOT) {
    await page.screenshot({ path: SCREENSHOT, fullPage: true });
  }

  assert.deepEqual(await page.evaluate(() => window.violations), [], "violations of the content security policy");
  assert.deepEqual(complaints, [], "errors on the console");
  assert.deepEqual(requests.filter((url) => !url.startsWith(`${BASE}/`) && !url.startsWith("data:")), [], "requests to other hosts");
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  assert.ok(!kept.includes(KEY), "the key was kept");
  console.log(`The API reference shows ${operations} operations and answered a search; ${requests.length} requests, all to its own host.`);
} finally {
  await browser.close();
}
