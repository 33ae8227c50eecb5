import { event, expect, test } from './world'

test('an agent and its webhook are made, what the server refuses stands at its field', async ({ page, receiver }) => {
  await page.goto('/agents')
  await page.getByRole('button', { name: 'New agent' }).first().click()
  const dialog = page.getByRole('dialog', { name: 'New agent' })
  await dialog.getByRole('button', { name: 'Save' }).click()
  await expect(dialog.getByLabel('Name')).toHaveAccessibleDescription('The name field is required.')
  await dialog.getByLabel('Name').fill('Ana, sales')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Ana, sales' })).toBeVisible()

  await page.getByRole('link', { name: 'New webhook' }).first().click()
  await page.getByLabel('Timeout, in seconds').fill('4')
  await page.getByRole('button', { name: 'Add a header' }).click()
  await page.getByLabel('Name of header 1').fill('Host')
  await page.getByLabel('Value of header 1').fill('x')
  await page.getByLabel('Authorization', { exact: true }).selectOption('basic')
  await page.getByLabel('Credential').fill('nocolon')
  await page.getByRole('button', { name: 'Create webhook' }).click()
  await expect(page.getByRole('alert')).toContainText('Not saved')
  await expect(page.getByLabel('Name', { exact: true })).toHaveAccessibleDescription('The name field is required.')
  await expect(page.getByLabel('Name', { exact: true })).toBeFocused()
  await expect(page.getByLabel('URL')).toHaveAccessibleDescription('The webhook url field is required.')
  await expect(page.getByRole('group', { name: 'Events' })).toHaveAccessibleDescription(
    'The events field must contain at least 1 items.',
  )
  await expect(page.getByLabel('Timeout, in seconds')).toHaveAccessibleDescription(
    /The timeout must be between 5 and 120\./,
  )
  await expect(page.getByLabel('Name of header 1')).toHaveAccessibleDescription(
    'The selected custom_headers.0.key is invalid.',
  )

  await page.getByLabel('Name', { exact: true }).fill('CRM')
  await page.getByLabel('URL').fill(`${receiver.url}/made`)
  await page.getByLabel('Find an event').fill('ended')
  await page.getByLabel(event).check()
  await page.getByLabel('Timeout, in seconds').fill('10')
  await page.getByLabel('Name of header 1').fill('X-Team')
  await page.getByRole('button', { name: 'Create webhook' }).click()
  await expect(page.getByLabel('Credential')).toHaveAccessibleDescription(/The authorization value format is invalid\./)
  await page.getByLabel('Credential').fill('ana:secret')
  await page.getByRole('button', { name: 'Create webhook' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'CRM' })).toBeVisible()
  await expect(page.getByText('No deliveries yet')).toBeVisible()

  await page.getByRole('button', { name: 'Test' }).click()
  await expect(page.getByText(/The receiver answered 200 in/)).toBeVisible()
  const sent = receiver.got.find(({ path }) => path === '/made')
  expect(sent?.headers['x-team']).toBe('x')
  expect(sent?.headers.authorization).toBe(`Basic ${Buffer.from('ana:secret').toString('base64')}`)
})

test('only what was changed is sent, and what is secret stays as it is', async ({ page, world, receiver }) => {
  const {
    agent,
    id,
    page: at,
  } = await world.webhook('/edited', {
    webhook_secret: 'a secret of ours',
    custom_headers: [{ key: 'X-Api-Key', value: 'hidden' }],
  })
  await page.goto(`${at}/settings`)
  await page.getByLabel('Name', { exact: true }).fill('CRM of the north')
  const template = '{"id": "{{call.id}"}'
  await page.getByLabel('Event of the new template').selectOption(event)
  await page.getByRole('button', { name: 'Add a template' }).click()
  await page.getByLabel(event, { exact: true }).last().fill(template.slice(1))
  // Somebody else changes another field meanwhile.
  await world.call('PUT', `/agents/${agent}/webhooks/${id}`, { timeout: 77 })
  await page.getByRole('button', { name: 'Save changes' }).click()
  const field = page.getByRole('textbox', { name: event })
  await expect(field).toHaveAccessibleDescription('This is not valid JSON.')
  await field.fill(template)
  await page.getByRole('button', { name: 'Save changes' }).click()
  await expect(field).toHaveAccessibleDescription(/must be a valid template/)
  await field.fill('{"id": "{{call.id}}"}')
  await page.getByRole('button', { name: 'Save changes' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'CRM of the north' })).toBeVisible()
  const { data } = await world.call('GET', `/agents/${agent}/webhooks/${id}`)
  expect(data).toMatchObject({ name: 'CRM of the north', timeout: 77, has_secret: true })
  await world.publish(agent, { call: { id: 'c-7' } })
  await expect.poll(() => receiver.got.find(({ path }) => path === '/edited')?.body).toBe('{"id":"c-7"}')
  const headers = receiver.got.find(({ path }) => path === '/edited')?.headers
  expect(headers?.['x-api-key']).toBe('hidden')
  expect(headers?.['webhook-signature']).toMatch(/^v1,/)
})

test('a secret is made, shown once, and changed while both sign', async ({ page, world, receiver }) => {
  const { agent, id, page: at } = await world.webhook('/rotated')
  await page.goto(`${at}/settings`)
  await page.getByLabel('Make a secret for me').check()
  await page.getByLabel('Names of the signature’s headers').selectOption('both')
  await page.getByRole('button', { name: 'Save changes' }).click()
  const shown = page.getByRole('dialog', { name: 'The new secret' })
  const first = await shown.locator('code').innerText()
  expect(first).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
  await shown.getByRole('button', { name: 'I have it' }).click()
  await expect(page.getByText(first)).toHaveCount(0)

  await page.getByRole('button', { name: 'Change…' }).click()
  const dialog = page.getByRole('dialog', { name: 'Change the secret' })
  await dialog.getByLabel('A secret of your own').fill('whsec_YQ==')
  await dialog.getByRole('button', { name: 'Change the secret' }).click()
  await expect(dialog.getByLabel('A secret of your own')).toHaveAccessibleDescription(/between 24 and 64 bytes/)
  await dialog.getByLabel('A secret of your own').fill('')
  await dialog.getByLabel('Signature').selectOption('ed25519')
  await dialog.getByRole('button', { name: 'Change the secret' }).click()
  await expect(dialog).toHaveCount(0)
  await expect(page.getByText(/^whpk_/).first()).toBeVisible()
  await expect(page.getByText('A former secret signs until')).toBeVisible()

  await world.publish(agent)
  await expect.poll(() => receiver.got.find(({ path }) => path === '/rotated')).toBeTruthy()
  const headers = receiver.got.find(({ path }) => path === '/rotated')?.headers
  expect(headers?.['webhook-signature']).toMatch(/^v1a,\S+ v1,\S+$/)
  expect(headers?.['svix-signature']).toBe(headers?.['webhook-signature'])
  expect(headers?.['svix-id']).toBe(headers?.['webhook-id'])
  const { data } = await world.call('GET', `/agents/${agent}/webhooks/${id}`)
  expect(data).toMatchObject({ signature_scheme: 'ed25519', previous_secrets: [{ signature_scheme: 'hmac' }] })
})

test('a webhook is disabled and enabled, and is deleted by its name only', async ({ page, world }) => {
  const { page: at } = await world.webhook('/deleted')
  await page.goto('/webhooks')
  await page.getByRole('link', { name: /CRM/ }).click()
  await page.getByRole('button', { name: 'Disable' }).click()
  await expect(page.getByText('This webhook is disabled')).toBeVisible()
  await page.getByRole('button', { name: 'Enable' }).click()
  await expect(page.getByText('This webhook is disabled')).toBeHidden()

  await page.goto(`${at}/settings`)
  await page.getByRole('button', { name: 'Delete' }).click()
  const dialog = page.getByRole('dialog')
  await expect(dialog.getByLabel(/Type “CRM”/)).toBeFocused()
  await dialog.getByLabel(/Type “CRM”/).fill('CRN')
  await dialog.getByRole('button', { name: 'Delete' }).click()
  await expect(dialog.getByLabel(/Type “CRM”/)).toHaveAccessibleDescription('This is not the name.')
  await dialog.getByLabel(/Type “CRM”/).fill('CRM')
  await dialog.getByRole('button', { name: 'Delete' }).click()
  await expect(page.getByText('No webhooks yet')).toBeVisible()
})

test('a test that fails says why, and a receiver that keeps failing is shown with its reason', async ({
  page,
  world,
  receiver,
}) => {
  const { agent, page: at } = await world.webhook('/failing')
  receiver.answer('/failing', 500)
  await page.goto(at)
  await page.getByRole('button', { name: 'Test' }).click()
  await expect(page.getByText('Webhook test failed: HTTP 500 Internal Server Error')).toBeVisible()
  for (let n = 1; n <= 5; n++) {
    await world.publish(agent)
    await expect(page.getByRole('cell', { name: 'Failed' })).toHaveCount(n + 1)
  }
  await page.reload()
  await expect(page.getByText('The receiver is failing')).toBeVisible()
  await expect(page.getByText(/failures in a row, the last: HTTP 500 Internal Server Error\./)).toBeVisible()
})

test('a campaign’s webhook can have the events of its calls', async ({ page, world, receiver }) => {
  const campaign = (await world.call('POST', '/campaigns', { name: 'Renewals' })).data.id
  await page.goto(`/campaigns/${campaign}/new`)
  await page.getByLabel('Name', { exact: true }).fill('Board')
  await page.getByLabel('URL').fill(`${receiver.url}/campaign`)
  await page.getByLabel('campaign.completed').check()
  await page.getByLabel('Also events of its calls').check()
  await page.getByRole('button', { name: 'Create webhook' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Board' })).toBeVisible()
  await page.getByRole('button', { name: 'Test' }).click()
  await expect(page.getByText('A test event is on its way.')).toBeVisible()
  await expect(page.getByRole('cell', { name: 'Success' })).toBeVisible()
})
