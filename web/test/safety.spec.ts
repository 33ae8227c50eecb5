import type { Page } from '@playwright/test'
import { event, expect, gate, logged, test } from './faults'
import type { World } from './world'

const signIn = async (page: Page, token: string) => {
  await page.getByLabel('Environment token').fill(token)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

const stored = async (world: World, agent: string, id: string) =>
  (await world.call('GET', `/agents/${agent}/webhooks/${id}`)).data

test.describe('saving', () => {
  test('a webhook that was disabled beside the form stays disabled', async ({ page, world }) => {
    const { agent, id, page: at } = await world.webhook('/disabled-beside')
    await page.goto(`${at}/settings`)
    const name = page.getByLabel('Name', { exact: true })
    await name.fill('CRM of the north')
    await page.getByRole('button', { name: 'Disable' }).click()
    await expect(page.getByText('This webhook is disabled')).toBeVisible()
    await expect(name).toHaveValue('CRM of the north')
    await page.getByRole('button', { name: 'Save changes' }).click()
    await expect(page.getByRole('heading', { level: 1, name: 'CRM of the north' })).toBeVisible()
    expect(await stored(world, agent, id)).toMatchObject({ name: 'CRM of the north', enabled: false })
  })

  test('what a colleague changed meanwhile is kept, and said', async ({ page, world, receiver }) => {
    const { agent, id, page: at } = await world.webhook('/colleague')
    await page.goto(`${at}/settings`)
    await page.getByLabel('Name', { exact: true }).fill('Mine')
    const theirs = {
      webhook_url: `${receiver.url}/theirs`,
      custom_headers: [{ key: 'X-Team', value: 'theirs' }],
      webhook_secret: 'a secret of theirs',
      signature_scheme: 'hmac',
    }
    await world.call('PUT', `/agents/${agent}/webhooks/${id}`, theirs)
    // The page has read it by now, which is no reason to revert it.
    await page.getByRole('button', { name: 'Disable' }).click()
    await expect(page.getByText('This webhook is disabled')).toBeVisible()
    await expect(page.getByText(`${receiver.url}/theirs`)).toBeVisible()
    await page.getByRole('button', { name: 'Save changes' }).click()
    await expect(page.getByText(/Changed by somebody else meanwhile, and kept: URL, Enabled, Headers/)).toBeVisible()
    expect(await stored(world, agent, id)).toMatchObject({
      name: 'Mine',
      enabled: false,
      has_secret: true,
      webhook_url: theirs.webhook_url,
      custom_headers: theirs.custom_headers,
    })
    await expect(page.getByLabel('URL')).toHaveValue(theirs.webhook_url)
  })

  test('where both changed the same, both are shown and the choice is saved', async ({ page, world, receiver }) => {
    const { agent, id, page: at } = await world.webhook('/contested')
    await page.goto(`${at}/settings`)
    await page.getByLabel('Name', { exact: true }).fill('Mine')
    await page.getByLabel('URL').fill(`${receiver.url}/mine`)
    await page.getByLabel('Timeout, in seconds').fill('11')
    await world.call('PUT', `/agents/${agent}/webhooks/${id}`, {
      name: 'Theirs',
      webhook_url: `${receiver.url}/theirs`,
      max_retries: 7,
    })
    await page.getByRole('button', { name: 'Save changes' }).click()
    const dialog = page.getByRole('dialog', { name: 'Somebody else has changed the same settings' })
    await expect(dialog.getByRole('listitem').filter({ hasText: 'Name' })).toContainText(/Mine.*Theirs/s)
    await expect(dialog.getByRole('listitem')).toHaveCount(2)
    await expect(dialog.getByRole('button', { name: 'Save this choice' })).toBeDisabled()
    expect(await stored(world, agent, id)).toMatchObject({ name: 'Theirs', timeout: 30 })
    await dialog.getByRole('group', { name: 'Name' }).getByText('Use yours').click()
    await dialog.getByRole('group', { name: 'URL' }).getByText('Keep theirs').click()
    await dialog.getByRole('button', { name: 'Save this choice' }).click()
    await expect(dialog).toBeHidden()
    await expect(page.getByRole('heading', { level: 1, name: 'Mine' })).toBeVisible()
    expect(await stored(world, agent, id)).toMatchObject({
      name: 'Mine',
      webhook_url: `${receiver.url}/theirs`,
      timeout: 11,
      max_retries: 7,
    })
    await expect(page.getByLabel('URL')).toHaveValue(`${receiver.url}/theirs`)
  })

  test('a credential does not follow a URL that somebody else has changed', async ({
    page,
    world,
    receiver,
    faults,
  }) => {
    const { agent, id, page: at } = await world.webhook('/credential')
    await page.goto(`${at}/settings`)
    await page.getByLabel('Authorization', { exact: true }).selectOption('bearer')
    await page.getByLabel('Credential').fill('of my own receiver')
    await world.call('PUT', `/agents/${agent}/webhooks/${id}`, { webhook_url: `${receiver.url}/elsewhere` })
    await page.getByRole('button', { name: 'Save changes' }).click()
    await expect(page.getByRole('dialog')).toContainText(`${receiver.url}/elsewhere`)
    await expect(page.getByRole('dialog')).toContainText('A new value, which is not shown')
    expect(await stored(world, agent, id)).toMatchObject({ authorization_scheme: 'none' })
    expect(faults.to('PUT', /webhooks/)).toHaveLength(1)
  })

  test('what is typed while a save is under way stays, and is not taken for saved', async ({ page, world, faults }) => {
    const { agent, id, page: at } = await world.webhook('/typing')
    const held = gate()
    faults.break('PUT', /webhooks/, { slow: held.opened }, 1)
    await page.goto(`${at}/settings`)
    const name = page.getByLabel('Name', { exact: true })
    await name.fill('First')
    await page.getByRole('button', { name: 'Save changes' }).click()
    await name.fill('Second')
    held.open()
    await expect(page.getByRole('heading', { level: 1, name: 'First' })).toBeVisible()
    await expect(name).toHaveValue('Second')
    await page.getByRole('button', { name: 'Save changes' }).click()
    await expect(page.getByRole('heading', { level: 1, name: 'Second' })).toBeVisible()
    expect(await stored(world, agent, id)).toMatchObject({ name: 'Second' })
  })

  test('a webhook’s form is not that of the next one', async ({ page, world }) => {
    const one = await world.webhook('/one', { name: 'One' })
    const two = await world.webhook('/two', { name: 'Two' })
    await page.goto(`${one.page}/settings`)
    await expect(page.getByLabel('Name', { exact: true })).toHaveValue('One')
    const name = page.getByLabel('Name', { exact: true })
    // From one to the other and back as history does it, when both are known already.
    const go = (to: string) =>
      page.evaluate((path) => {
        history.pushState({}, '', path)
        dispatchEvent(new PopStateEvent('popstate'))
      }, `${to}/settings`)
    await go(two.page)
    await expect(name).toHaveValue('Two')
    await go(one.page)
    await expect(page.getByRole('heading', { level: 1, name: 'One' })).toBeVisible()
    await expect(name).toHaveValue('One')
    await name.fill('One more')
    await page.getByRole('button', { name: 'Save changes' }).click()
    await expect(page.getByRole('heading', { level: 1, name: 'One more' })).toBeVisible()
    expect(await stored(world, two.agent, two.id)).toMatchObject({ name: 'Two' })
    expect(await stored(world, one.agent, one.id)).toMatchObject({ name: 'One more' })
  })

  test('a double click creates one webhook', async ({ page, world, receiver, faults }) => {
    const agent = (await world.call('POST', '/agents', { name: 'Ana' })).data.id
    const held = gate()
    faults.break('POST', /\/webhooks$/, { slow: held.opened })
    await page.goto(`/agents/${agent}/new`)
    await page.getByLabel('Name', { exact: true }).fill('CRM')
    await page.getByLabel('URL').fill(`${receiver.url}/double`)
    await page.getByLabel(event).check()
    await page.getByRole('button', { name: 'Create webhook' }).evaluate((button: HTMLButtonElement) => {
      button.click()
      button.click()
    })
    held.open()
    await expect(page.getByRole('heading', { level: 1, name: 'CRM' })).toBeVisible()
    expect(faults.to('POST', /\/webhooks$/)).toHaveLength(1)
    const { data } = await world.call('GET', `/agents/${agent}/webhooks`)
    expect(data.webhooks).toHaveLength(1)
  })

  test('a creation whose answer was lost is repeated with the same key', async ({ page, world, receiver, faults }) => {
    const agent = (await world.call('POST', '/agents', { name: 'Ana' })).data.id
    await page.goto(`/agents/${agent}/new`)
    await page.getByLabel('Name', { exact: true }).fill('CRM')
    await page.getByLabel('URL').fill(`${receiver.url}/lost`)
    await page.getByLabel(event).check()
    faults.break('POST', /\/webhooks$/, { cut: 'within' }, 1)
    await page.getByRole('button', { name: 'Create webhook' }).click()
    await expect(page.getByText('The server cannot be reached')).toBeVisible()
    await page.getByRole('button', { name: 'Create webhook' }).click()
    await expect(page.getByRole('heading', { level: 1, name: 'CRM' })).toBeVisible()
    const keys = faults.to('POST', /\/webhooks$/).map(({ headers }) => headers['idempotency-key'])
    expect(keys[0]).toMatch(/^dashboard-[0-9a-f]{32}$/)
    expect(keys[1]).toBe(keys[0])
  })

  test('a new campaign with an id that exists changes nothing', async ({ page, world }) => {
    const agent = (await world.call('POST', '/agents', { name: 'Ana' })).data.id
    const old = (await world.call('POST', '/campaigns', { name: 'Renewals', agent_id: agent })).data.id
    await page.goto('/campaigns')
    await page.getByRole('button', { name: 'New campaign' }).first().click()
    const dialog = page.getByRole('dialog', { name: 'New campaign' })
    await dialog.getByLabel('Name').fill('Winter')
    await dialog.getByLabel('Id', { exact: true }).fill(old)
    await dialog.getByRole('button', { name: 'Save' }).click()
    await expect(dialog.getByLabel('Id', { exact: true })).toHaveAccessibleDescription(
      /already a campaign with this id/,
    )
    const { data } = await world.call('GET', `/campaigns/${old}`)
    expect(data).toMatchObject({ name: 'Renewals', agent_id: agent })
  })

  test('renaming a campaign leaves an agent that somebody else has set', async ({ page, world }) => {
    const agent = (await world.call('POST', '/agents', { name: 'Ana' })).data.id
    const id = (await world.call('POST', '/campaigns', { name: 'Renewals' })).data.id
    await page.goto(`/campaigns/${id}`)
    await page.getByRole('button', { name: 'Rename' }).click()
    await page.getByRole('dialog').getByLabel('Name').fill('Winter')
    await world.call('PUT', `/campaigns/${id}`, { name: 'Renewals', agent_id: agent })
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
    await expect(page.getByRole('heading', { level: 1, name: 'Winter' })).toBeVisible()
    expect((await world.call('GET', `/campaigns/${id}`)).data).toMatchObject({ name: 'Winter', agent_id: agent })
  })
})

test.describe('environments', () => {
  test('a tab never writes to the environment that another tab has signed in to', async ({ page, world, other }) => {
    await page.goto('/agents')
    await page.getByRole('button', { name: 'New agent' }).first().click()
    await page.getByRole('dialog', { name: 'New agent' }).getByLabel('Name').fill('Ana')
    const second = await page.context().newPage()
    await second.goto('/')
    await second.getByRole('button', { name: 'Sign out' }).click()
    await signIn(second, other.token)
    await expect(second.getByRole('heading', { name: 'Overview' })).toBeVisible()
    // The first tab is told, covers its page and keeps what was typed.
    await expect(page.getByText(/Another tab has signed in to other/)).toBeVisible()
    await signIn(page, other.token)
    await expect(page.getByLabel('Environment token')).toHaveAccessibleDescription(/opens another environment/)
    await signIn(page, world.token)
    await expect(page.getByRole('dialog', { name: 'New agent' }).getByLabel('Name')).toHaveValue('Ana')
    await page.getByRole('dialog', { name: 'New agent' }).getByRole('button', { name: 'Save changes' }).click()
    await expect(page.getByRole('heading', { level: 1, name: 'Ana' })).toBeVisible()
    expect((await other.call('GET', '/agents')).data).toEqual([])
    expect((await world.call('GET', '/agents')).data).toHaveLength(1)
    await expect(second.getByText(/Another tab has signed in/)).toBeVisible()
  })

  test('a call for another environment is refused, also where no tab was told', async ({
    page,
    world,
    other,
    baseURL,
  }) => {
    await page.goto('/agents')
    await page.getByRole('button', { name: 'New agent' }).first().click()
    await page.getByRole('dialog', { name: 'New agent' }).getByLabel('Name').fill('Ana')
    // Another browser window of the same profile, with the channel of the tabs out of order.
    await page.request.post(`${baseURL}/api/v1/session`, { data: { token: other.token } })
    await page.getByRole('dialog', { name: 'New agent' }).getByRole('button', { name: 'Save changes' }).click()
    await expect(page.getByText(/Another tab has signed in to other/)).toBeVisible()
    expect((await other.call('GET', '/agents')).data).toEqual([])
    expect((await world.call('GET', '/agents')).data).toEqual([])
    await page.getByRole('button', { name: /Switch to other/ }).click()
    await expect(page.getByText('No agents yet')).toBeVisible()
    await expect(page.getByRole('dialog')).toBeHidden()
  })

  test('nothing of one environment is shown in the next', async ({ page, world, other, faults }) => {
    await world.webhook('/of-home', { name: 'Of home' })
    await page.goto('/webhooks')
    await expect(page.getByText('Of home')).toBeVisible()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await expect(page.getByLabel('Environment token')).toBeVisible()
    const held = gate()
    faults.break('GET', /\/webhooks\?/, { slow: held.opened })
    await signIn(page, other.token)
    await expect(page.getByRole('heading', { name: 'Webhooks' })).toBeVisible()
    await expect(page.getByText('Of home')).toBeHidden()
    held.open()
    await expect(page.getByText('No webhooks yet')).toBeVisible()
  })

  test('a session that ends keeps the draft of a form', async ({ page, world }) => {
    const { agent, id, page: at } = await world.webhook('/draft')
    await page.goto(`${at}/settings`)
    await page.getByLabel('Name', { exact: true }).fill('Half finished')
    await page.context().clearCookies()
    await page.getByRole('button', { name: 'Save changes' }).click()
    const cover = page.getByRole('dialog', { name: 'Sign in' })
    await expect(cover.getByText('Your session has ended')).toBeVisible()
    await page.keyboard.press('Escape')
    await page.keyboard.press('Escape')
    await signIn(page, world.token)
    await expect(page.getByLabel('Name', { exact: true })).toHaveValue('Half finished')
    await page.getByRole('button', { name: 'Save changes' }).click()
    await expect(page.getByRole('heading', { level: 1, name: 'Half finished' })).toBeVisible()
    expect(await stored(world, agent, id)).toMatchObject({ name: 'Half finished' })
  })
})

test.describe('jobs', () => {
  test('no more deliveries are retried than the button says', async ({ page, world, receiver, faults }) => {
    const { agent, id, page: at } = await world.webhook('/counted')
    receiver.answer('/counted', 500)
    await world.publish(agent)
    await world.publish(agent)
    await logged(world, agent, id, 'failed', 2)
    await page.goto(`${at}/retries/new`)
    await expect(page.getByText('2 failed deliveries match')).toBeVisible()
    // Another filter: its count is on the way, and the button is that of the one before.
    const held = gate()
    faults.break('POST', /logs\/retry$/, { slow: held.opened }, 1)
    await page.getByLabel('Time').selectOption('week')
    const retry = page.getByRole('button', { name: 'Retry 2 deliveries' })
    await expect(retry).toBeDisabled()
    held.open()
    await expect(retry).toBeEnabled()
    // One more fails behind the page's back.
    await world.publish(agent)
    await logged(world, agent, id, 'failed', 3)
    await page.getByLabel('Time').selectOption('')
    await expect(page.getByText('3 failed deliveries match')).toBeVisible()
    await world.publish(agent)
    await logged(world, agent, id, 'failed', 4)
    await page.getByRole('button', { name: 'Retry 3 deliveries' }).click()
    await expect(page.getByText('Another number of entries matches than expected')).toBeVisible()
    await expect(page.getByRole('button', { name: 'Retry 4 deliveries' })).toBeEnabled()
    expect((await world.call('GET', `/agents/${agent}/webhooks/${id}/retries`)).data).toEqual([])
    await page.getByRole('button', { name: 'Retry 4 deliveries' }).click()
    await expect(page.getByRole('region', { name: 'Bulk retry' })).toBeVisible()
    expect((await world.call('GET', `/agents/${agent}/webhooks/${id}/retries`)).data[0]).toMatchObject({ matched: 4 })
  })
})

const exact = '{"b":1152921506151679043,"2":10.00,"1":{"huge":1E400,"text":"\\u00e9 <&>"}}'

test.describe('numbers', () => {
  test('payloads are shown and copied as they came', async ({ page, world, context }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    const { agent, id, page: at } = await world.webhook('/exact')
    const answer = await fetch(`${world.url}/api/v1/agents/${agent}/events`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${world.token}`, 'Content-Type': 'application/json' },
      body: `{"event":"${event}","payload":${exact}}`,
    })
    const { event_id } = (await answer.json()).data
    await logged(world, agent, id, 'success', 1)
    const copied = () => page.evaluate(() => navigator.clipboard.readText())
    await page.goto(`/events/${event_id}`)
    await expect(page.getByText('1152921506151679043')).toBeVisible()
    for (const text of ['10.00', '1E400']) await expect(page.getByText(text)).toBeVisible()
    await page.getByRole('region', { name: 'Payload' }).getByRole('button', { name: 'Copy' }).click()
    await expect.poll(copied).toBe(exact)
    const log = (await world.call('GET', `/agents/${agent}/webhooks/${id}/logs`)).data[0]?.id
    await page.goto(`${at}/logs/${log}`)
    await expect(page.getByText('1152921506151679043')).toBeVisible()
    await page.getByRole('button', { name: 'Copy as curl' }).click()
    await expect.poll(copied).toContain('"b":1152921506151679043,"2":10.00,"1":{"huge":1E400')
  })

  test('a template is saved to the letter, and an untouched one stays as it is', async ({ page, world, faults }) => {
    const { agent, id, page: at } = await world.webhook('/templates')
    const template = '{"z": 1152921506151679043, "a": 10.00, "1": 1E400, "id": "{{call.id}}"}'
    await page.goto(`${at}/settings`)
    await page.getByLabel('Event of the new template').selectOption(event)
    await page.getByRole('button', { name: 'Add a template' }).click()
    await page.getByRole('textbox', { name: event }).fill(template)
    await page.getByRole('button', { name: 'Save changes' }).click()
    await expect(page.getByText('Saved.', { exact: true })).toBeVisible()
    expect(faults.to('PUT', /webhooks/)[0]?.body).toContain(template)
    const kept = async () =>
      (
        await fetch(`${world.url}/api/v1/agents/${agent}/webhooks/${id}`, {
          headers: { Authorization: `Bearer ${world.token}` },
        })
      ).text()
    expect(await kept()).toContain('"z":1152921506151679043,"a":10.00,"1":1E400')
    await page.reload()
    await expect(page.getByRole('textbox', { name: event })).toHaveValue(
      '{\n  "z": 1152921506151679043,\n  "a": 10.00,\n  "1": 1E400,\n  "id": "{{call.id}}"\n}',
    )
    await page.getByLabel('Timeout, in seconds').fill('12')
    await page.getByRole('button', { name: 'Save changes' }).click()
    await expect(page.getByText('Saved.', { exact: true })).toBeVisible()
    expect(faults.to('PUT', /webhooks/)[1]?.body).toBe('{"timeout":12}')
  })
})

test.describe('input', () => {
  test('an error in the background leaves a half-finished form alone', async ({ page, world, receiver, faults }) => {
    const agent = (await world.call('POST', '/agents', { name: 'Ana' })).data.id
    await page.clock.install()
    await page.goto(`/agents/${agent}/new`)
    await page.getByLabel('Name', { exact: true }).fill('Half finished')
    await page.getByLabel('URL').fill(`${receiver.url}/half`)
    const end = faults.break('GET', /\/webhooks$/, {
      status: 500,
      body: { success: false, message: 'Internal server error' },
    })
    await page.clock.runFor(10_000)
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange', { bubbles: true })))
    await expect.poll(() => faults.to('GET', /\/webhooks$/).length).toBeGreaterThan(1)
    await page.clock.runFor(10_000)
    await expect(page.getByText('The server encountered an error')).toBeVisible()
    await expect(page.getByLabel('Name', { exact: true })).toHaveValue('Half finished')
    end()
    await page.clock.resume()
    await page.getByRole('button', { name: 'Try again' }).click()
    await expect(page.getByText('The server encountered an error')).toBeHidden()
    await expect(page.getByLabel('Name', { exact: true })).toHaveValue('Half finished')
  })

  test('leaving what is not saved asks first', async ({ page, world }) => {
    const { page: at } = await world.webhook('/leaving')
    await page.goto(`${at}/settings`)
    const name = page.getByLabel('Name', { exact: true })
    await name.fill('Not saved')
    await page.getByRole('link', { name: 'Deliveries' }).click()
    const dialog = page.getByRole('dialog', { name: 'Leave without saving?' })
    await dialog.getByRole('button', { name: 'Stay' }).click()
    await expect(dialog).toBeHidden()
    await expect(name).toHaveValue('Not saved')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('dialog', { name: 'Sign out without saving?' }).getByRole('button', { name: 'Cancel' }).click()
    await expect(name).toHaveValue('Not saved')
    const asked = page.waitForEvent('dialog')
    await page.close({ runBeforeUnload: true })
    const unload = await asked
    expect(unload.type()).toBe('beforeunload')
    await unload.dismiss()
    await page.getByRole('link', { name: 'Deliveries' }).click()
    await dialog.getByRole('button', { name: 'Discard changes' }).click()
    await expect(page.getByText('No deliveries yet')).toBeVisible()
    await page.getByRole('link', { name: 'Settings' }).click()
    await expect(name).toHaveValue('CRM')
    await page.getByRole('link', { name: 'Deliveries' }).click()
    await expect(page.getByText('No deliveries yet')).toBeVisible()
  })
})

test.describe('secrets', () => {
  test('a rotation cannot be dismissed, and its secret is shown until it is confirmed', async ({
    page,
    world,
    faults,
  }) => {
    const { page: at } = await world.webhook('/rotation', { webhook_secret: 'of before' })
    await page.goto(`${at}/settings`)
    await page.getByRole('button', { name: 'Change…' }).click()
    const held = gate()
    faults.break('POST', /rotate$/, { slow: held.opened })
    const dialog = page.getByRole('dialog', { name: 'Change the secret' })
    await dialog.getByRole('button', { name: 'Change the secret' }).click()
    for (let n = 0; n < 3; n++) await page.keyboard.press('Escape')
    await expect(dialog).toBeVisible()
    held.open()
    const shown = page.getByRole('dialog', { name: 'The new secret' })
    await expect(shown).toContainText('whsec_')
    for (let n = 0; n < 3; n++) await page.keyboard.press('Escape')
    await expect(shown.getByRole('button', { name: 'Close' })).toBeHidden()
    await expect(shown).toContainText('whsec_')
    await shown.getByRole('button', { name: 'I have it' }).click()
    await expect(shown).toBeHidden()
  })

  test('a secret that was made with a webhook survives every way out', async ({ page, world, receiver, faults }) => {
    const agent = (await world.call('POST', '/agents', { name: 'Ana' })).data.id
    await page.goto(`/agents/${agent}`)
    await page.getByRole('link', { name: 'New webhook' }).first().click()
    await page.getByLabel('Name', { exact: true }).fill('CRM')
    await page.getByLabel('URL').fill(`${receiver.url}/made`)
    await page.getByLabel(event).check()
    await page.getByLabel('Make a secret for me').check()
    const held = gate()
    faults.break('POST', /\/webhooks$/, { slow: held.opened })
    await page.getByRole('button', { name: 'Create webhook' }).click()
    await expect.poll(() => faults.to('POST', /\/webhooks$/).length).toBe(1)
    await page.getByRole('link', { name: 'Events' }).click()
    await expect(page).toHaveURL(/\/new$/)
    await expect(page.getByLabel('Name', { exact: true })).toHaveValue('CRM')
    held.open()
    const shown = page.getByRole('dialog', { name: 'The new secret' })
    await expect(shown).toContainText('whsec_')
    await shown.getByRole('button', { name: 'I have it' }).click()
    await expect(page.getByRole('heading', { level: 1, name: 'CRM' })).toBeVisible()
  })

  test('two rotations at once do not lose one another', async ({ page, world }) => {
    const { agent, id, page: at } = await world.webhook('/both', { webhook_secret: 'of before' })
    await page.goto(`${at}/settings`)
    await page.getByRole('button', { name: 'Change…' }).click()
    await world.call('POST', `/agents/${agent}/webhooks/${id}/secret/rotate`, {})
    const dialog = page.getByRole('dialog', { name: 'Change the secret' })
    await dialog.getByRole('button', { name: 'Change the secret' }).click()
    await expect(dialog).toContainText('The webhook has been changed.')
    expect(await stored(world, agent, id)).toMatchObject({ version: 2 })
  })

  test('over plain HTTP a copy is on the clipboard, or is said to be missing', async ({
    page,
    world,
    faults,
    context,
  }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    const { page: at } = await world.webhook('/plain', { webhook_secret: 'of before' })
    const plain = await context.newPage()
    await plain.goto(`${faults.plain}${at}/settings`)
    expect(await plain.evaluate(() => isSecureContext || 'clipboard' in navigator)).toBe(false)
    await signIn(plain, world.token)
    await plain.getByRole('button', { name: 'Change…' }).click()
    await plain.getByRole('dialog').getByRole('button', { name: 'Change the secret' }).click()
    const shown = plain.getByRole('dialog', { name: 'The new secret' })
    const secret = await shown.locator('code').innerText()
    await shown.getByRole('button', { name: 'Copy' }).click()
    await expect(shown.getByText('Copied')).toBeVisible()
    await page.goto('/')
    await page.bringToFront()
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(secret)
    await plain.bringToFront()
    await plain.evaluate(() => {
      document.execCommand = () => false
    })
    await shown.getByRole('button', { name: /Copy|Copied/ }).click()
    await expect(shown.getByText('Not copied: select the text')).toBeVisible()
  })
})
