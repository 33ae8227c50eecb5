import type { Page } from '@playwright/test'
import { expect, test } from './world'

/** Answers calls to a path in the server's stead, until told otherwise. */
async function answer(page: Page, path: string, status: number, body: unknown, headers: Record<string, string> = {}) {
  await page.route(path, (route) => route.fulfill({ status, headers, json: body }))
  return () => page.unroute(path)
}

test('a store that is away is said, and gone over once it is back', async ({ page }) => {
  const back = await answer(page, '**/api/v1/overview*', 503, {
    success: false,
    message:
      'The store is unavailable. The request may have been carried out or not; retry it with the same Idempotency-Key.',
    code: 'STORE_UNAVAILABLE',
  })
  await page.goto('/')
  await expect(page.getByText('The database is unavailable')).toBeVisible()
  await back()
  await page.getByRole('button', { name: 'Try again' }).click()
  await expect(page.getByText('Success rate')).toBeVisible()
})

test('a limit that is used up is said', async ({ page }) => {
  await answer(
    page,
    '**/api/v1/agents*',
    429,
    {
      success: false,
      message: 'Rate limit exceeded. Please wait before making more requests.',
      code: 'RATE_LIMIT_EXCEEDED',
    },
    { 'Retry-After': '1' },
  )
  await page.goto('/agents')
  await expect(page.getByText('Too many requests')).toBeVisible()
})

test('a fault of the server’s own is said with the request’s id', async ({ page }) => {
  await answer(
    page,
    '**/api/v1/webhooks*',
    500,
    { success: false, message: 'Internal server error', request_id: 'r-1' },
    { 'X-Request-Id': 'r-1' },
  )
  await page.goto('/webhooks')
  await expect(page.getByText('Request r-1')).toBeVisible()
})

test('a network that is away loses nothing that was typed', async ({ page, world, receiver }) => {
  const agent = (await world.call('POST', '/agents', { name: 'Ana' })).data.id
  await page.goto(`/agents/${agent}/new`)
  await page.getByLabel('Name', { exact: true }).fill('CRM')
  await page.getByLabel('URL').fill(`${receiver.url}/offline`)
  await page.getByLabel('event_recording').check()
  await page.context().setOffline(true)
  await page.getByRole('button', { name: 'Create webhook' }).click()
  await expect(page.getByText('The server cannot be reached')).toBeVisible()
  await page.context().setOffline(false)
  await page.getByRole('button', { name: 'Create webhook' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'CRM' })).toBeVisible()
})

test('what is not there says so, and where to go', async ({ page, world }) => {
  const { agent, page: at } = await world.webhook('/missing')
  await page.goto(`${at}/logs/${agent}`)
  await expect(page.getByText('Log not found.')).toBeVisible()
  await page.goto('/nowhere')
  await page.getByRole('link', { name: 'Go to the overview' }).click()
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible()
})
