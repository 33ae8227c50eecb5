import type { Receiver } from './receiver'
import { expect, logged, test, type World } from './world'

/** Has the circuit of a webhook of an agent open; gives what is called of it. */
async function breakDown(world: World, receiver: Receiver) {
  const { agent, id } = await world.webhook('/out-of-order', { name: 'Out of order' })
  receiver.answer('/out-of-order', 500)
  for (let n = 1; n <= 5; n++) {
    await world.publish(agent)
    await logged(world, agent, id, 'failed', n)
  }
  return { agent, id }
}

test('an operator’s webhook is made, and hears of another that fails and recovers', async ({
  page,
  world,
  receiver,
}) => {
  await page.goto('/')
  await page.getByRole('link', { name: 'Operator' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Operator’s webhooks' })).toBeVisible()
  await page.getByRole('link', { name: 'New webhook' }).first().click()
  await page.getByLabel('Name', { exact: true }).fill('On call')
  await page.getByLabel('URL').fill(`${receiver.url}/on-call`)
  await expect(page.getByText('A webhook keeps failing, its deliveries wait')).toBeVisible()
  await page.getByLabel('webhook.error').check()
  await page.getByLabel('webhook.recovered').check()
  await page.getByLabel('Automatic retries').fill('0')
  await page.getByRole('button', { name: 'Create webhook' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'On call' })).toBeVisible()
  await expect(page.getByRole('button', { name: 'Live' })).toBeVisible()

  receiver.answer('/on-call', 503)
  const { agent, id } = await breakDown(world, receiver)
  const heard = (event: string) => page.getByRole('row').filter({ hasText: event })
  await expect(heard('webhook.error')).toContainText('Failed')
  await heard('webhook.error').getByRole('link', { name: 'webhook.error' }).click()
  await expect(page.getByRole('region', { name: 'Body as sent' })).toContainText(id)
  await expect(page.getByRole('region', { name: 'Body as sent' })).toContainText('Out of order')
  receiver.answer('/on-call', 200)
  await page.getByRole('button', { name: 'Retry' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Retry now' }).click()
  await expect(page.getByText(/^Attempt 2, by hand/)).toBeVisible()
  await expect(page.getByRole('main').getByText('Success', { exact: true })).toBeVisible()

  receiver.answer('/out-of-order', 200)
  await world.call('POST', `/agents/${agent}/webhooks/${id}/test`)
  await page.getByRole('link', { name: 'On call' }).click()
  await expect(heard('webhook.recovered')).toContainText('Success')
  await page.getByRole('link', { name: 'Settings' }).click()
  await page.getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('dialog').getByRole('textbox').fill('On call')
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await expect(page.getByText('No webhooks yet')).toBeVisible()
})

test('what an operator’s webhook missed while it was disabled is an event, and is sent to it', async ({
  page,
  world,
  receiver,
}) => {
  const { id } = (
    await world.call('POST', '/environment/webhooks', {
      name: 'On call',
      webhook_url: `${receiver.url}/missed-call`,
      events: ['webhook.error'],
    })
  ).data
  await world.call('PATCH', `/environment/webhooks/${id}/toggle`)
  await breakDown(world, receiver)
  await page.goto('/events?event=webhook.error')
  const missed = page.getByRole('row').filter({ hasText: 'webhook.error' })
  await expect(missed).toContainText('Webhooks disabled')
  await missed.getByRole('link').click()
  const details = page.getByRole('region', { name: 'Details' })
  await details.getByRole('link', { name: 'Out of order' }).click()
  await expect(page.getByText('The receiver is failing')).toBeVisible()
  await page.goBack()
  await details.getByRole('link').first().click()
  await page.getByRole('link', { name: /^On call/ }).click()
  await page.getByRole('button', { name: 'Enable' }).click()
  await page.getByRole('link', { name: 'Bulk retries' }).click()
  await page.getByRole('link', { name: 'Send missed events…' }).click()
  await page.getByRole('button', { name: 'Send 1 event' }).click()
  await expect(page.getByRole('region', { name: 'Replay' }).getByText('Done', { exact: true })).toBeVisible()
  await expect.poll(() => receiver.got.filter(({ path }) => path === '/missed-call').length).toBe(1)
})
