import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { curl, maskedHeaders } from '../src/pages/curl'
import { expect, test } from './world'

test('a curl command sends a body of 300 KiB to the byte', () => {
  const folder = mkdtempSync(join(tmpdir(), 'curl-'))
  writeFileSync(join(folder, 'curl'), `#!/bin/sh\nprintf '%s\\n' "$@" >'${folder}/arguments'\ncat >'${folder}/body'\n`)
  chmodSync(join(folder, 'curl'), 0o755)
  const body = `é'"$HOME \`x\` \\n${'a'.repeat(300 * 1024)}\nBODY\nend`
  const headers = { 'Content-Type': 'text/plain', 'webhook-signature': 'v1,********' }
  const request = { method: 'POST', url: "http://x/?q='", headers, body }
  execFileSync('bash', { input: curl(request), env: { PATH: `${folder}:/usr/bin:/bin` } })
  expect(readFileSync(join(folder, 'body'), 'utf8')).toBe(body)
  expect(readFileSync(join(folder, 'arguments'), 'utf8')).toContain("http://x/?q='\n")
  expect(maskedHeaders(request)).toEqual(['webhook-signature'])
})

test('single-key shortcuts can be turned off, and stay off', async ({ page, world }) => {
  const { page: at } = await world.webhook('/keys-off')
  await page.goto(at)
  await page.getByLabel('Keyboard shortcuts').selectOption('off')
  await page.getByRole('heading', { level: 1, name: 'CRM' }).click()
  await page.keyboard.press('?')
  await page.keyboard.press('/')
  await expect(page.getByRole('dialog')).toBeHidden()
  await expect(page.getByLabel('Find by id')).not.toBeFocused()
  await page.reload()
  await expect(page.getByText('No deliveries yet')).toBeVisible()
  await page.keyboard.press('/')
  await expect(page.getByLabel('Find by id')).not.toBeFocused()
  await page.getByLabel('Keyboard shortcuts').selectOption('on')
  await page.getByRole('heading', { level: 1, name: 'CRM' }).click()
  await page.keyboard.press('?')
  await expect(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible()
})

test('a sign-out that fails is told', async ({ page }) => {
  await page.route('**/api/v1/session', (route) =>
    route.request().method() === 'DELETE' ? route.abort('connectionreset') : route.continue(),
  )
  await page.goto('/')
  await page.getByRole('button', { name: 'Sign out' }).click()
  await expect(page.getByText('The server cannot be reached')).toBeVisible()
  await page.unroute('**/api/v1/session')
  await page.getByRole('button', { name: 'Sign out' }).click()
  await expect(page.getByLabel('Environment token')).toBeVisible()
})

test('a new name is on every page at once', async ({ page, world }) => {
  const { page: at } = await world.webhook('/renamed')
  await page.goto('/webhooks')
  await page.getByRole('link', { name: /CRM/ }).click()
  await expect(page.getByText('No deliveries yet')).toBeVisible()
  await page.goto(`${at}/settings`)
  // The list is known already when the name changes.
  await page.getByRole('link', { name: 'Webhooks' }).first().click()
  await expect(page.getByRole('link', { name: /CRM/ })).toBeVisible()
  await page.goBack()
  await page.getByLabel('Name', { exact: true }).fill('Data lake')
  await page.getByRole('button', { name: 'Save changes' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Data lake' })).toBeVisible()
  await page.getByRole('link', { name: 'Webhooks' }).first().click()
  await expect(page.getByRole('link', { name: /Data lake/ })).toBeVisible()
})

test('the time filter follows the address back', async ({ page }) => {
  await page.goto('/events')
  const time = page.getByLabel('Time', { exact: true })
  await time.selectOption('custom')
  await page.getByLabel('From').fill('2026-01-01T00:00')
  await expect(page).toHaveURL(/from=/)
  await expect(time).toHaveValue('custom')
  await page.goBack()
  await expect(page).not.toHaveURL(/from=/)
  await expect(time).toHaveValue('')
  await time.selectOption('hour')
  await expect(page).toHaveURL(/since=hour/)
  await time.selectOption('custom')
  await page.goBack()
  await expect(time).toHaveValue('hour')
})

test('a failing webhook with nothing queued names no time that has passed', async ({ page, world }) => {
  const { agent, id, page: at } = await world.webhook('/probed')
  const { data } = await world.call('GET', `/agents/${agent}/webhooks/${id}`)
  const passed = new Date(Date.now() - 3_600_000).toISOString()
  const reason = {
    rule: 'failures_in_a_row',
    failures: 5,
    threshold: 5,
    last_error: 'Connection refused',
    in_error_since: passed,
    probes: 2,
    next_probe_at: passed,
  }
  await page.route(`**/webhooks/${id}`, (route) =>
    route.fulfill({ json: { success: true, data: { ...data, status: 'error', status_reason: reason } } }),
  )
  await page.goto(at)
  await expect(page.getByText('The next delivery probes it.')).toBeVisible()
  await expect(page.getByText(/The next goes/)).toBeHidden()
})

/** Everything that the page's scripts still hold, as text. */
async function heapOf(page: Page): Promise<string> {
  const devtools = await page.context().newCDPSession(page)
  const chunks: string[] = []
  devtools.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => chunks.push(chunk))
  await devtools.send('HeapProfiler.enable')
  await devtools.send('HeapProfiler.collectGarbage')
  await devtools.send('HeapProfiler.takeHeapSnapshot')
  await devtools.detach()
  return chunks.join('')
}

test('a saved secret does not stay in memory', async ({ page, world }) => {
  const { page: at } = await world.webhook('/forgotten')
  await page.goto(`${at}/settings`)
  const secret = `secret-${crypto.randomUUID()}`
  await page.getByLabel('Signing secret').fill(secret)
  expect((await heapOf(page)).includes(secret)).toBe(true)
  await page.getByRole('button', { name: 'Save changes' }).click()
  await expect(page.getByText('Saved.')).toBeVisible()
  await page.getByRole('link', { name: 'Audit log' }).first().click()
  await expect(page.getByRole('heading', { level: 1, name: 'Audit log' })).toBeVisible()
  await expect.poll(async () => (await heapOf(page)).includes(secret)).toBe(false)
})

test('the token of a sign-in does not stay in memory', async ({ stranger: page, world }) => {
  await page.goto('/')
  await page.getByLabel('Environment token').fill(world.token)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible()
  await page.getByRole('link', { name: 'Audit log' }).first().click()
  await expect(page.getByRole('heading', { level: 1, name: 'Audit log' })).toBeVisible()
  await expect.poll(async () => (await heapOf(page)).includes(world.token)).toBe(false)
})
