import { event, expect, logged, test } from './world'

test('a failing delivery is seen, previewed, retried and turns green, all without a reload', async ({
  page,
  world,
  receiver,
}) => {
  const { agent, id, page: at } = await world.webhook('/loop')
  receiver.answer('/loop', 503)
  await page.goto(at)
  await expect(page.getByRole('button', { name: 'Live' })).toBeVisible()
  await page.evaluate(() => {
    document.body.dataset.loaded = 'once'
  })

  await world.publish(agent, { call: { id: 'c-1042', from: '+14155550134' } })
  const row = page.getByRole('row').filter({ hasText: event })
  await expect(row).toContainText('Failed')
  await expect(row).toContainText('HTTP 503 Service Unavailable')

  await row.getByRole('link', { name: event }).click()
  await expect(page.getByRole('heading', { level: 1, name: event })).toBeVisible()
  await expect(page.getByRole('region', { name: 'Body as sent' })).toContainText('"id": "c-1042"')
  await expect(page.getByRole('region', { name: 'Body of the response' })).toContainText('"error": "out of order"')
  await expect(page.getByText('X-Webhook-Attempt')).toBeVisible()
  await expect(page.getByText('Nothing further is scheduled from this attempt.')).toBeVisible()

  // The cause is mended: the receiver has moved, and wants another body.
  receiver.answer('/loop2', 200)
  await world.call('PUT', `/agents/${agent}/webhooks/${id}`, {
    webhook_url: `${receiver.url}/loop2`,
    custom_headers: [{ key: 'X-Team', value: 'sales' }],
    payload_templates: { [event]: { call_id: '{{call.id}}' } },
  })
  await page.getByRole('button', { name: 'Retry' }).click()
  const preview = page.getByRole('dialog')
  const differences = preview.getByRole('region', { name: 'What differs from what was sent' })
  await expect(differences).toContainText(`${receiver.url}/loop2`)
  await expect(differences).toContainText('X-Team')
  await expect(differences).toContainText('/call_id')
  await expect(differences).not.toContainText('X-Webhook-Attempt')
  await expect(preview.getByRole('region', { name: 'Body', exact: true })).toContainText('"call_id": "c-1042"')
  await preview.getByRole('button', { name: 'Retry now' }).click()

  await expect(preview).toBeHidden()
  await expect(page.getByText(/^Attempt 2, by hand/)).toBeVisible()
  await expect(page.getByRole('main').getByText('Success', { exact: true })).toBeVisible()
  const attempts = page.getByRole('region', { name: 'Attempts' }).getByRole('listitem')
  await expect(attempts).toHaveCount(2)
  await expect(attempts.nth(0)).toContainText('HTTP 503')
  await expect(attempts.nth(1)).toContainText('HTTP 200')
  await expect(page.getByRole('button', { name: 'Retry' })).toBeDisabled()
  expect(receiver.got.find(({ path }) => path === '/loop2')?.body).toBe('{"call_id":"c-1042"}')

  // The first attempt, seen again, says that there is nothing to do.
  await attempts.nth(0).getByRole('link').click()
  await expect(page.getByText('Attempt 2 has delivered the event.')).toBeVisible()
  await expect(page.getByRole('button', { name: 'Retry' })).toBeDisabled()
  expect(await page.evaluate(() => document.body.dataset.loaded)).toBe('once')
})

test('a retry whose response is lost is repeated with the same idempotency key and sent once', async ({
  page,
  world,
  receiver,
}) => {
  const { agent, id, page: at } = await world.webhook('/once')
  receiver.answer('/once', 500)
  await world.publish(agent)
  await logged(world, agent, id, 'failed', 1)
  const keys: string[] = []
  await page.route('**/logs/*/retry', async (route) => {
    keys.push(route.request().headers()['idempotency-key'] ?? '')
    const response = await route.fetch()
    if (keys.length === 1) await route.abort('connectionreset')
    else await route.fulfill({ response })
  })
  await page.goto(at)
  await page.getByRole('row').filter({ hasText: event }).getByRole('link', { name: event }).click()
  await page.getByRole('button', { name: 'Retry' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: 'Retry now' }).click()
  await expect(dialog).toContainText('The server cannot be reached')
  await dialog.getByRole('button', { name: 'Retry now' }).click()
  await expect(dialog).toBeHidden()
  await expect(page.getByText(/^Attempt 2, by hand/)).toBeVisible()
  expect(keys[0]).toMatch(/^[\x21-\x7e]{16,255}$/)
  expect(keys[1]).toBe(keys[0])
  await logged(world, agent, id, 'failed', 2)
  expect(receiver.got.filter(({ path }) => path === '/once')).toHaveLength(2)

  // Another retry is one of its own.
  await page.getByRole('button', { name: 'Retry' }).click()
  await dialog.getByRole('button', { name: 'Retry now' }).click()
  await expect(page.getByText(/^Attempt 3, by hand/)).toBeVisible()
  expect(keys).toHaveLength(3)
  expect(keys[2]).not.toBe(keys[0])
})

test('a retry that is refused says why', async ({ page, world, receiver }) => {
  const { agent, id, page: at } = await world.webhook('/refused')
  receiver.answer('/refused', 500)
  await world.publish(agent)
  await logged(world, agent, id, 'failed', 1)
  await page.goto(at)
  await world.call('PUT', `/agents/${agent}/webhooks/${id}`, { enabled: false })
  await page.getByRole('button', { name: `Retry ${event}` }).click()
  const dialog = page.getByRole('dialog')
  await expect(dialog).toContainText('The webhook is disabled. Enable it first.')
  await expect(dialog.getByRole('button', { name: 'Retry now' })).toBeDisabled()
})

test('an automatic retry that is due later is shown with its time', async ({ page, world, receiver }) => {
  const { agent, page: at } = await world.webhook('/later', { max_retries: 1 })
  receiver.answer('/later', 500)
  await page.goto(at)
  await world.publish(agent)
  await expect(page.getByRole('row').filter({ hasText: 'Retrying' })).toContainText('HTTP 500')
  const scheduled = page.getByRole('row').filter({ hasText: 'Pending' })
  await expect(scheduled).toContainText(/due in (\d+ min|1 hr)/)
  await scheduled.getByRole('link').click()
  await expect(page.getByText('Nothing has been sent yet.')).toBeVisible()
})

test('filters stand in the address bar and narrow the log', async ({ page, world, receiver }) => {
  const { agent, id, page: at } = await world.webhook('/filtered')
  await world.publish(agent)
  await logged(world, agent, id, 'success', 1)
  receiver.answer('/filtered', 404)
  await world.publish(agent)
  await logged(world, agent, id, 'failed', 1)
  await page.goto(at)
  const rows = page.getByRole('row').filter({ hasText: event })
  await expect(rows).toHaveCount(2)
  await page.getByLabel('Status', { exact: true }).selectOption('failed')
  await expect(rows).toHaveCount(1)
  await expect(page).toHaveURL(/status=failed/)
  await page.getByLabel('HTTP status').selectOption('5xx')
  await expect(page.getByText('No delivery meets these filters')).toBeVisible()
  await page.getByLabel('HTTP status').selectOption('4xx')
  await page.getByLabel('Time').selectOption('hour')
  await expect(rows).toHaveCount(1)
  await page.reload()
  await expect(rows).toHaveCount(1)
  await expect(page.getByLabel('Time')).toHaveValue('hour')
  await page.getByLabel('Time').selectOption('custom')
  await page.getByLabel('From').fill('2020-01-01T00:00')
  await page.getByLabel('To', { exact: true }).fill('2020-01-02T00:00')
  await expect(page.getByText('No delivery meets these filters')).toBeVisible()
  await page.getByRole('button', { name: 'Clear filters' }).last().click()
  await expect(rows).toHaveCount(2)

  const { data } = await world.call('GET', `/agents/${agent}/webhooks/${id}/logs?status=success`)
  await page.getByLabel('Find by id').fill(String(data[0]?.event_id).slice(0, 7))
  await expect(page.getByText(/Give 8 or more digits/)).toBeVisible()
  await page.getByLabel('Find by id').fill(String(data[0]?.event_id))
  await expect(rows).toHaveCount(1)
  await expect(rows).toContainText('Success')
})

test('the live tail can be paused, and keeps what came meanwhile', async ({ page, world }) => {
  const { agent, page: at } = await world.webhook('/tail')
  await page.goto(at)
  await world.publish(agent)
  const rows = page.getByRole('row').filter({ hasText: 'Success' })
  await expect(rows).toHaveCount(1)
  await page.getByRole('button', { name: 'Live' }).click()
  await world.publish(agent)
  await world.publish(agent)
  const paused = page.getByRole('button', { name: 'Paused, 2 new' })
  await expect(paused).toBeVisible()
  await expect(rows).toHaveCount(1)
  await paused.click()
  await expect(rows).toHaveCount(3)
  await expect(page.getByText('3 deliveries')).toBeVisible()
})

test('what happens between the first reading of the log and the stream’s beginning is not lost', async ({
  page,
  world,
}) => {
  const { agent, id, page: at } = await world.webhook('/gap')
  const happened = signal()
  const streamed = signal()
  await page.route('**/logs/stream*', async (route) => {
    await happened.given
    await route.continue()
  })
  const read = page.waitForRequest('**/logs?per_page=25')
  await page.route(
    '**/logs?per_page=25',
    async (route) => {
      const response = await route.fetch()
      await world.publish(agent)
      await logged(world, agent, id, 'success', 1)
      happened.give()
      await streamed.given
      await route.fulfill({ response })
    },
    { times: 1 },
  )
  await page.goto(at)
  await read
  await expect(page.getByRole('button', { name: 'Live' })).toBeVisible()
  streamed.give()
  await expect(page.getByRole('row').filter({ hasText: event })).toContainText('Success')
})

test('older deliveries are reached, and the newest again', async ({ page, world }) => {
  const { agent, id, page: at } = await world.webhook('/many')
  for (let n = 0; n < 30; n++) await world.publish(agent)
  await logged(world, agent, id, 'success', 30)
  await page.goto(at)
  const rows = page.getByRole('row').filter({ hasText: event })
  await expect(rows).toHaveCount(25)
  await page.getByRole('button', { name: 'Older' }).click()
  await expect(rows).toHaveCount(5)
  await expect(page.getByText('Not live')).toBeVisible()
  await page.getByRole('button', { name: 'Newest' }).click()
  await expect(rows).toHaveCount(25)
})

test('a delivery is copied as a curl command that sends the same', async ({ page, world, receiver, context }) => {
  const { agent, id, page: at } = await world.webhook('/curl')
  await world.publish(agent, { text: "Ana's call" })
  await logged(world, agent, id, 'success', 1)
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.goto(at)
  await page.getByRole('link', { name: event }).click()
  await page.getByRole('button', { name: 'Copy as curl' }).click()
  await expect(page.getByRole('button', { name: 'Copied' })).toBeVisible()
  const command = await page.evaluate(() => navigator.clipboard.readText())
  expect(command).toContain(`curl -X POST '${receiver.url}/curl'`)
  expect(command).toContain(`-H 'X-Webhook-Event: ${event}'`)
  expect(command).toContain(`"text":"Ana's call"`)
})

/** Something to wait for until it is given. */
function signal() {
  let give = () => {}
  const given = new Promise<void>((resolve) => {
    give = resolve
  })
  return { given, give }
}
