import { expect, logged, test } from './world'

test('the audit log says who changed a webhook, from what into what, and leads to it', async ({ page, world }) => {
  const { agent, id, page: at } = await world.webhook('/audited', { timeout: 30 })
  await world.call('PUT', `/agents/${agent}/webhooks/${id}`, { timeout: 90, webhook_secret: 'not to be told' })
  await page.goto(`${at}/settings`)
  await page.getByRole('button', { name: 'Disable' }).click()
  await expect(page.getByRole('button', { name: 'Enable' })).toBeVisible()

  await page.getByRole('link', { name: 'Audit log' }).click()
  const changed = page.getByRole('listitem').filter({ hasText: 'Webhook changed' })
  await expect(changed).toContainText('default · Token')
  await changed.getByText('Changed: ').click()
  const timeout = changed.getByRole('listitem').filter({ hasText: 'timeout' })
  await expect(timeout).toContainText('Before: 30')
  await expect(timeout).toContainText('After: 90')
  await expect(changed.getByRole('listitem').filter({ hasText: 'webhook_secret' })).toContainText('value is secret')
  await expect(page.getByText('not to be told')).toHaveCount(0)
  await expect(changed.getByText('127.0.0.1')).toBeVisible()
  const disabled = page.getByRole('listitem').filter({ hasText: 'Webhook disabled' })
  await expect(disabled).toContainText('default · Dashboard')
  await disabled.getByRole('link', { name: 'CRM' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'CRM' })).toBeVisible()
})

test('an entry leads to the webhook, attempt or job that it is about, whoever it belongs to', async ({
  page,
  world,
  receiver,
}) => {
  const { agent, id, page: at } = await world.webhook('/led-to')
  receiver.answer('/led-to', 500)
  await world.publish(agent)
  await logged(world, agent, id, 'failed', 1)
  const hook = `/agents/${agent}/webhooks/${id}`
  const log = (await world.call('GET', `${hook}/logs`)).data[0]
  await world.call('POST', `${hook}/logs/${log?.id}/retry`)
  await logged(world, agent, id, 'failed', 2)
  const job = (await world.call('POST', `${hook}/logs/retry`, {})).data
  const campaign = crypto.randomUUID()
  await world.call('PUT', `/campaigns/${campaign}`, { name: 'Autumn' })
  const theirs = await world.call('POST', `/campaigns/${campaign}/webhooks`, {
    name: 'Reports',
    webhook_url: receiver.url,
    events: ['campaign.started'],
  })
  // The list of webhooks is not asked: an entry says itself whose its webhook is.
  await page.route(/\/api\/v1\/webhooks/, (route) => route.abort())
  await page.goto('/audit')
  const leads = (what: string, name: string) =>
    expect(page.getByRole('listitem').filter({ hasText: what }).getByRole('link', { name, exact: true }).first())
  await leads('Webhook created', 'CRM').toHaveAttribute('href', at)
  await leads('Delivery retried', 'CRM').toHaveAttribute('href', `${at}/logs/${log?.id}`)
  await leads('Bulk retry begun', 'CRM').toHaveAttribute('href', `${at}/retries/${job.id}`)
  await leads('Webhook created', 'Reports').toHaveAttribute('href', `/campaigns/${campaign}/${theirs.data.id}`)
})

test('the audit log is filtered by action, by who, and by one thing, and goes on to older entries', async ({
  page,
  world,
}) => {
  const { agent, id } = await world.webhook('/filtered')
  for (let n = 0; n < 30; n++) await world.call('PUT', `/agents/${agent}`, { name: `Ana ${n}` })
  await page.goto('/audit')
  const entries = page.getByRole('main').locator('ul > li:has(> details)')
  await expect(entries).toHaveCount(25)
  await page.getByRole('button', { name: 'Older' }).click()
  await expect(entries.filter({ hasText: 'Environment created' })).toBeVisible()
  await page.getByRole('button', { name: 'Newest' }).click()

  await page.getByLabel('Action').selectOption('webhook.created')
  await expect(entries).toHaveCount(1)
  await expect(entries).toContainText('Webhook created CRM')
  await page.getByLabel('Who').selectOption('cli')
  await expect(page.getByText('No entry meets these filters')).toBeVisible()
  await page.getByRole('main').getByRole('button', { name: 'Clear filters' }).first().click()
  await page.getByLabel('Action').selectOption('webhook.created')
  await entries.locator('summary').click()
  await entries.getByRole('link', { name: 'All that was done to it' }).click()
  await expect(page).toHaveURL(new RegExp(`subject_id=${id}`))
  await expect(entries).toHaveCount(1)
})

test('the audit log is there in Portuguese', async ({ page, world }) => {
  await world.webhook('/auditoria')
  await page.addInitScript(() => localStorage.setItem('carteiro.language', 'pt-BR'))
  await page.goto('/audit')
  await expect(page.getByRole('heading', { level: 1, name: 'Auditoria' })).toBeVisible()
  await expect(page.getByRole('listitem').filter({ hasText: 'Webhook criado' })).toBeVisible()
})

test('who signs in with a token that may only read is offered nothing else', async ({
  stranger: page,
  world,
  receiver,
  carteiro,
}, info) => {
  const { agent, id, page: at } = await world.webhook('/looked-at')
  receiver.answer('/looked-at', 500)
  await world.publish(agent)
  await logged(world, agent, id, 'failed', 1)
  const log = (await world.call('GET', `/agents/${agent}/webhooks/${id}/logs`)).data[0]
  const visit = async (token: string) => {
    expect((await page.request.post('/api/v1/session', { data: { token } })).status()).toBe(201)
  }
  // Each page, what shows that it is there, and what a token for all is offered on it.
  const offers: [address: string, there: string, button: string | RegExp][] = [
    ['/agents', 'Ana', 'New agent'],
    [`/agents/${agent}`, 'CRM', 'New webhook'],
    [`/agents/${agent}`, 'CRM', 'Delete'],
    [at, 'HTTP 500', 'Disable'],
    [at, 'HTTP 500', /^Retry event_/],
    [at, 'HTTP 500', 'Retry many…'],
    [`${at}/logs/${log?.id}`, 'HTTP 500', 'Retry'],
    [`${at}/retries`, 'Jobs that retry', 'Send missed events…'],
  ]
  const named = (name: string | RegExp) =>
    page
      .getByRole('button', { name, exact: true })
      .or(page.getByRole('link', { name, exact: true }))
      .first()
  await visit(world.token)
  for (const [address, , button] of offers) {
    await page.goto(address)
    await expect(named(button), `${button} on ${address}`).toBeVisible()
  }
  await visit(carteiro.token(info.testId, 'looker', 'read'))
  for (const [address, there, button] of offers) {
    await page.goto(address)
    await expect(page.getByRole('main').getByText(there).filter({ visible: true }).first()).toBeVisible()
    await expect(named(button), `${button} on ${address}`).toBeHidden()
  }
  await page.goto(`${at}/settings`)
  await expect(page.getByText('lacks the scope webhooks')).toBeVisible()
  await expect(page.getByText('looker')).toBeVisible()
  await expect(page.getByRole('button', { name: 'Save' })).toBeDisabled()
  await page.goto(`${at}/retries/new`)
  await expect(page.getByText('lacks the scope retry')).toBeVisible()
})
