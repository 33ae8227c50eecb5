import { event, expect, logged, test, type World } from './world'

/**
 * Has so many deliveries fail at a receiver that is down. The first few open the circuit and the others wait for it;
 * disabling the webhook ends those as failed, too, and enabling it again begins anew.
 */
async function fail(world: World, agent: string, id: string, count: number) {
  const batch = Array.from({ length: count }, (_, n) => ({ agent_id: agent, event, payload: { n } }))
  await world.call('POST', '/events/batch', batch)
  await expect
    .poll(async () => (await world.call('GET', `/agents/${agent}/webhooks/${id}`)).data.status, { timeout: 60_000 })
    .toBe('error')
  await world.call('PATCH', `/agents/${agent}/webhooks/${id}/toggle`)
  await logged(world, agent, id, 'failed', count)
  await world.call('PATCH', `/agents/${agent}/webhooks/${id}/toggle`)
}

test('500 failed deliveries are counted, retried with progress, paused, resumed, and are done', async ({
  page,
  world,
  receiver,
}) => {
  const { agent, id, page: at } = await world.webhook('/outage')
  receiver.answer('/outage', 500)
  await fail(world, agent, id, 500)
  const arrived = () => receiver.got.filter(({ path }) => path === '/outage')
  const before = arrived().length
  receiver.answer('/outage', 200)

  await page.goto(at)
  await page.getByLabel('Time').selectOption('hour')
  await page.getByRole('link', { name: 'Retry many…' }).click()
  await expect(page.getByLabel('Time')).toHaveValue('hour')
  await expect(page.getByText('500 failed deliveries match')).toBeVisible()
  await expect(page.getByRole('row').filter({ hasText: event })).toHaveCount(5)
  await page.getByRole('button', { name: 'Retry 500 deliveries' }).click()

  const job = page.getByRole('region', { name: 'Bulk retry' })
  const progress = job.getByRole('progressbar')
  await expect.poll(async () => Number(await progress.getAttribute('aria-valuenow'))).toBeGreaterThan(0)
  await job.getByRole('button', { name: 'Pause' }).click()
  await expect(job.getByText('Paused', { exact: true })).toBeVisible()
  const at_pause = Number(await progress.getAttribute('aria-valuenow'))
  expect(at_pause).toBeLessThan(500)
  await job.getByRole('button', { name: 'Resume' }).click()
  await expect(job.getByText('Done', { exact: true })).toBeVisible({ timeout: 60_000 })
  await expect(progress).toHaveAttribute('aria-valuenow', '500')
  await expect(job.getByRole('button', { name: 'Pause' })).toBeHidden()
  await logged(world, agent, id, 'success', 500)
  const bodies = arrived()
    .slice(before)
    .map(({ body }) => JSON.parse(body).n)
  expect(bodies).toHaveLength(500)
  expect(new Set(bodies).size).toBe(500)

  await page.getByRole('link', { name: 'Bulk retries' }).click()
  await expect(page.getByRole('listitem').filter({ hasText: '500 of 500' })).toContainText('Done')
})

test('a bulk retry is cancelled, and what it has not come to stays failed', async ({ page, world, receiver }) => {
  const { agent, id, page: at } = await world.webhook('/cancelled')
  receiver.answer('/cancelled', 500)
  await fail(world, agent, id, 300)
  await page.goto(`${at}/retries`)
  await expect(page.getByText('No bulk retries yet')).toBeVisible()
  await page.getByRole('link', { name: 'Retry many…' }).click()
  await page.getByRole('button', { name: 'Retry 300 deliveries' }).click()
  await page.getByRole('button', { name: 'Cancel the job' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the job' }).click()
  const job = page.getByRole('region', { name: 'Bulk retry' })
  await expect(job.getByText('Cancelled', { exact: true })).toBeVisible()
  await expect(page.getByRole('dialog')).toBeHidden()
  const { data } = await world.call('GET', `/agents/${agent}/webhooks/${id}/retries`)
  expect(data[0]).toMatchObject({ status: 'cancelled' })
  expect(Number(data[0]?.remaining)).toBeGreaterThan(0)
})
