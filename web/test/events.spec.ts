import { event, expect, logged, test, type World } from './world'

const other = 'event_recording'

/** Puts in one event of another kind than the webhook wants. */
async function miss(world: World, agent: string, payload: Record<string, unknown> = { n: 1 }): Promise<string> {
  const answer = await world.call('POST', `/agents/${agent}/events`, { event: other, payload })
  expect(answer.data.deliveries).toBe(0)
  return String(answer.data.event_id)
}

test('an event that no webhook wanted is found, says why, and is sent to one', async ({ page, world, receiver }) => {
  const { agent, id, page: at } = await world.webhook('/later')
  await world.publish(agent)
  await logged(world, agent, id, 'success', 1)
  await miss(world, agent, { url: 'https://example.com/recording/7' })

  await page.goto('/events')
  await expect(page.getByText('2 events')).toBeVisible()
  await page.getByLabel('Delivery').selectOption('undelivered')
  await expect(page.getByText('1 event', { exact: true })).toBeVisible()
  const row = page.getByRole('row').filter({ hasText: other })
  await expect(row).toContainText('Not subscribed')
  await expect(row).toContainText('Ana')
  await row.getByRole('link').click()

  await expect(page.getByText('This event went to no webhook')).toBeVisible()
  await expect(page.getByText('none subscribed to its type')).toBeVisible()
  await expect(page.getByText('https://example.com/recording/7')).toBeVisible()
  await page.getByRole('button', { name: 'Send to a webhook…' }).click()
  const dialog = page.getByRole('dialog')
  await expect(dialog.getByRole('button', { name: 'Send', exact: true })).toBeDisabled()
  await dialog.getByRole('radio', { name: /CRM/ }).check()
  await dialog.getByRole('button', { name: 'Send', exact: true }).click()

  const job = page.getByRole('region', { name: 'Replay' })
  await expect(job.getByText('Done', { exact: true })).toBeVisible()
  await logged(world, agent, id, 'success', 2)
  const sent = receiver.got.filter(({ path, body }) => path === '/later' && JSON.parse(body).event === other)
  expect(sent).toHaveLength(1)
  await page.goto('/events?went=undelivered')
  await expect(page.getByText('No event meets these filters')).toBeVisible()
  await page.goto('/events')
  await page.getByRole('row').filter({ hasText: other }).getByRole('link').click()
  await expect(page.getByRole('link', { name: /Success.*CRM/ })).toHaveAttribute('href', new RegExp(`${at}/logs/`))
  await expect(page.getByText('This event went to no webhook')).toBeHidden()
})

test('what a webhook missed while it was disabled is counted and sent from its page', async ({
  page,
  world,
  receiver,
}) => {
  const { agent, id, page: at } = await world.webhook('/missed')
  await world.call('PATCH', `/agents/${agent}/webhooks/${id}/toggle`)
  for (let n = 0; n < 30; n++) await world.publish(agent, { n })
  await miss(world, agent)
  await world.call('PATCH', `/agents/${agent}/webhooks/${id}/toggle`)

  await page.goto(at)
  await page.getByRole('link', { name: 'Bulk retries' }).click()
  await page.getByRole('link', { name: 'Send missed events…' }).click()
  await expect(page.getByText('30 events match')).toBeVisible()
  await expect(page.getByRole('row').filter({ hasText: event })).toHaveCount(5)
  await page.getByLabel('Event', { exact: true }).selectOption(other)
  await expect(page.getByText('1 event matches')).toBeVisible()
  await page.getByLabel('Event', { exact: true }).selectOption('')
  await page.getByRole('button', { name: 'Send 30 events' }).click()
  const job = page.getByRole('region', { name: 'Replay' })
  await expect(job.getByText('Done', { exact: true })).toBeVisible()
  await expect(job.getByRole('progressbar')).toHaveAttribute('aria-valuenow', '30')
  await logged(world, agent, id, 'success', 30)
  const bodies = receiver.got.filter(({ path }) => path === '/missed').map(({ body }) => JSON.parse(body).n)
  expect(bodies.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, n) => n))

  await page.goto(`${at}/retries/replay`)
  await expect(page.getByText('No event matches')).toBeVisible()
  await page.getByLabel('Also events that went to other webhooks').check()
  await expect(page.getByText('30 events match')).toBeVisible()
  await page.getByRole('button', { name: 'Send 30 events' }).click()
  await expect(job.getByText('30 × delivered in the meantime')).toBeVisible()
  await page.getByRole('link', { name: 'Bulk retries' }).click()
  await expect(page.getByRole('listitem').filter({ hasText: 'Replay' })).toHaveCount(2)
})

test('an event is opened by its id and sent by keyboard alone, in Portuguese', async ({ page, world }) => {
  const { agent, id } = await world.webhook('/teclado')
  const missed = await miss(world, agent)
  await page.addInitScript(() => localStorage.setItem('carteiro.language', 'pt-BR'))
  await page.goto('/events')
  await expect(page.getByRole('heading', { name: 'Eventos' })).toBeFocused()
  await page.keyboard.press('/')
  await expect(page.getByLabel('Abrir pelo id do evento')).toBeFocused()
  await page.keyboard.insertText(missed.slice(0, 8))
  await expect(page.getByText('Informe o id inteiro')).toBeVisible()
  await page.keyboard.insertText(missed.slice(8))
  await expect(page.getByText('nenhum assinava o tipo')).toBeVisible()
  const send = page.getByRole('button', { name: 'Enviar a um webhook…' })
  for (let n = 0; n < 20 && !(await send.evaluate((button) => button === document.activeElement)); n++)
    await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  const radio = page.getByRole('radio')
  await expect(radio).toBeVisible()
  for (let n = 0; n < 10 && !(await radio.evaluate((input) => input === document.activeElement)); n++)
    await page.keyboard.press('Tab')
  await page.keyboard.press('Space')
  await expect(radio).toBeChecked()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('region', { name: 'Replay' }).getByText('Concluído')).toBeVisible()
  await logged(world, agent, id, 'success', 1)
})
