import type { Locator, Page } from '@playwright/test'
import { expect, type Proxy as Faults, test } from './faults'

const invalid = { success: false, message: 'The given data was invalid.' }
const elsewhere = { per_page: ['The per page must be between 1 and 100.'] }

/**
 * Checks that a form shows a 422 without errors, one whose error is of a field that the form does not have, and one that has
 * an error of each kind: none of them may look as if nothing had happened.
 */
async function checkRefusals(faults: Faults, call: [string, RegExp], form: Page | Locator, send: Locator) {
  const refuse = async (errors: object | undefined, shown: string[]) => {
    const end = faults.break(...call, { status: 422, body: { ...invalid, ...(errors && { errors }) } })
    await send.click()
    const alert = form.getByRole('alert')
    for (const text of shown) await expect(alert).toContainText(text)
    await expect(alert).toBeInViewport()
    end()
  }
  await refuse(undefined, ['The given data was invalid.'])
  await refuse(elsewhere, ['The per page must be between 1 and 100.'])
  await refuse({ ...elsewhere, webhook_secret: ['The webhook secret is invalid.'] }, ['The per page must be between'])
}

test('a new webhook that is refused without an error of a field says so', async ({ page, world, faults }) => {
  const agent = (await world.call('POST', '/agents', { name: 'Ana' })).data.id
  await page.goto(`/agents/${agent}/new`)
  await page.getByLabel('Name', { exact: true }).fill('CRM')
  const send = page.getByRole('button', { name: 'Create webhook' })
  await checkRefusals(faults, ['POST', /webhooks$/], page, send)
  await expect(page.getByLabel('Name', { exact: true })).toHaveValue('CRM')
})

test('a saved webhook that is refused without an error of a field says so', async ({ page, world, faults }) => {
  const { page: at } = await world.webhook('/refused')
  await page.goto(`${at}/settings`)
  await page.getByLabel('Name', { exact: true }).fill('CRM of the north')
  await checkRefusals(faults, ['PUT', /webhooks/], page, page.getByRole('button', { name: 'Save changes' }))
})

test('a rotation that is refused without an error of a field says so', async ({ page, world, faults }) => {
  const { page: at } = await world.webhook('/refused-rotation', { webhook_secret: 'of before' })
  await page.goto(`${at}/settings`)
  await page.getByRole('button', { name: 'Change…' }).click()
  const dialog = page.getByRole('dialog', { name: 'Change the secret' })
  const send = dialog.getByRole('button', { name: 'Change the secret' })
  await checkRefusals(faults, ['POST', /rotate$/], dialog, send)
})

test('an owner that is refused without an error of a field says so', async ({ page, faults }) => {
  await page.goto('/agents')
  await page.getByRole('button', { name: 'New agent' }).first().click()
  const dialog = page.getByRole('dialog', { name: 'New agent' })
  await dialog.getByLabel('Name').fill('Ana')
  const send = dialog.getByRole('button', { name: 'Save' })
  await checkRefusals(faults, ['POST', /agents$/], dialog, send)
})

test('a webhook that cannot be disabled says why, as any other failure', async ({ page, world, faults }) => {
  const { page: at } = await world.webhook('/refused-toggle')
  await page.goto(at)
  const [put, disable] = [/webhooks/, page.getByRole('button', { name: 'Disable' })]
  const main = page.getByRole('main')
  const refuse = async (fault: Parameters<Faults['break']>[2], shown: string[]) => {
    const end = faults.break('PUT', put, fault)
    await disable.click()
    for (const text of shown) await expect(main).toContainText(text)
    end()
  }
  await refuse({ cut: 'before' }, ['The server cannot be reached'])
  await refuse({ malformed: '<html>' }, ['Unexpected response (HTTP 200)'])
  await refuse({ status: 500, body: { success: false, message: 'Internal server error', request_id: 'r-1' } }, [
    'The server encountered an error',
    'Request r-1',
  ])
  const limited = { success: false, message: 'Rate limit exceeded. Please wait before making more requests.' }
  await refuse({ status: 429, body: limited, headers: { 'Retry-After': '50' } }, [
    'Too many requests',
    'You can try again in',
  ])
})
