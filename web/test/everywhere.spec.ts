import { createRequire } from 'node:module'
import type { Page } from '@playwright/test'
import type { AxeResults } from 'axe-core'
import type { Receiver } from './receiver'
import { event, expect, logged, test, type World } from './world'

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

/** A world with something on every page, and the pages' addresses. */
async function furnish(world: World, receiver: Receiver): Promise<Record<string, string>> {
  const { agent, id, page } = await world.webhook('/everywhere', {
    max_retries: 1,
    custom_headers: [{ key: 'X-Team', value: 'sales' }],
    payload_templates: { [event]: { id: '{{call.id}}' } },
  })
  // A name that breaks nowhere: what holds it must.
  await world.call('PUT', `/agents/${agent}`, { name: 'the_agent_of_the_northern_'.repeat(4) })
  receiver.answer('/everywhere', 200)
  await world.publish(agent)
  await logged(world, agent, id, 'success', 1)
  receiver.answer('/everywhere', 500)
  await world.publish(agent)
  await logged(world, agent, id, 'retrying', 1)
  await world.call('PUT', `/agents/${agent}/webhooks/${id}`, { max_retries: 0 })
  await world.publish(agent)
  await logged(world, agent, id, 'failed', 1)
  const failed = (await world.call('GET', `/agents/${agent}/webhooks/${id}/logs?status=failed`)).data[0]
  // Settings with a public key and a former secret on them.
  await world.call('PUT', `/agents/${agent}/webhooks/${id}`, { webhook_secret: 'of before' })
  await world.call('POST', `/agents/${agent}/webhooks/${id}/secret/rotate`, { signature_scheme: 'ed25519' })
  const campaign = (await world.call('POST', '/campaigns', { name: 'Renewals' })).data.id
  const operators = { name: 'On call', webhook_url: `${receiver.url}/on-call`, events: ['webhook.error'] }
  const onCall = (await world.call('POST', '/environment/webhooks', operators)).data.id
  const environment = (await world.call('GET', '/session')).data.environment as { id: string }
  const recording = { event: 'event_recording', payload: { url: 'https://example.com/1' } }
  const missed = (await world.call('POST', `/agents/${agent}/events`, recording)).data.event_id
  const job = (await world.call('POST', `/agents/${agent}/webhooks/${id}/logs/retry`, { event })).data.id
  return {
    overview: '/',
    webhooks: '/webhooks',
    agents: '/agents',
    campaigns: '/campaigns',
    'the operator': '/environment',
    'an operator’s webhook': `/environment/${environment.id}/${onCall}`,
    'an agent': `/agents/${agent}`,
    'a new webhook': `/campaigns/${campaign}/new`,
    deliveries: page,
    'no deliveries': `${page}?status=success&http_status=404`,
    'a delivery': `${page}/logs/${failed?.id}`,
    settings: `${page}/settings`,
    'bulk retries': `${page}/retries`,
    'a new bulk retry': `${page}/retries/new`,
    'a bulk retry': `${page}/retries/${job}`,
    events: '/events',
    'no events': '/events?went=webhooks_disabled',
    'an event': `/events/${missed}`,
    'a new replay': `${page}/retries/replay?event=event_recording`,
    'the audit log': '/audit',
    'no such event': `/events/${agent}`,
    'no such webhook': `/agents/${agent}/${agent}`,
    'no such page': '/nowhere/at/all/of/it',
  }
}

async function settle(page: Page) {
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
  await expect(page.getByText('Loading…')).toHaveCount(0)
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)))
}

/** Everything that axe calls moderate or worse, for the rules of WCAG 2.2 AA and best practice. */
async function faults(page: Page): Promise<string[]> {
  const results = await page.evaluate<AxeResults>('axe.run(document, { resultTypes: ["violations"] })')
  return results.violations
    .filter(({ impact }) => impact !== 'minor')
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`))
}

for (const theme of ['light', 'dark'] as const) {
  test(`axe finds nothing on any page, and nothing is wider than 375 px (${theme})`, async ({
    page,
    world,
    receiver,
  }) => {
    test.setTimeout(180_000)
    const pages = await furnish(world, receiver)
    // Put in as the debugger would: the page's own policy would refuse it as a script.
    await page.addInitScript({ path: axe })
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
    for (const [name, address] of Object.entries(pages)) {
      await test.step(name, async () => {
        await page.setViewportSize({ width: 1280, height: 800 })
        await page.goto(address)
        await settle(page)
        expect.soft(await faults(page), `${name} at 1280 px`).toEqual([])
        await page.setViewportSize({ width: 375, height: 740 })
        await expect
          .poll(
            () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
            name,
          )
          .toBeLessThanOrEqual(0)
        expect.soft(await faults(page), `${name} at 375 px`).toEqual([])
      })
    }
    await test.step('a preview', async () => {
      await page.goto(pages['a delivery'] ?? '')
      await page.getByRole('button', { name: 'Retry' }).click()
      await expect(page.getByRole('dialog').getByRole('heading', { name: 'What would be sent now' })).toBeVisible()
      expect.soft(await faults(page), 'a preview').toEqual([])
    })
    await test.step('sending an event', async () => {
      await page.goto(pages['an event'] ?? '')
      await page.getByRole('button', { name: 'Send to a webhook…' }).click()
      await expect(page.getByRole('dialog').getByRole('radio')).toHaveCount(1)
      expect.soft(await faults(page), 'sending an event').toEqual([])
    })
    await test.step('deleting what has a long name', async () => {
      await page.goto(pages['an agent'] ?? '')
      await page.getByRole('button', { name: 'Delete' }).click()
      const dialog = page.getByRole('dialog', { name: 'Delete this agent' })
      await expect(dialog.getByRole('textbox')).toBeFocused()
      expect.soft(await dialog.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)).toBe(0)
      expect.soft(await faults(page), 'deleting').toEqual([])
    })
    await test.step('the menu of a small screen', async () => {
      await page.goto('/')
      await page.getByRole('button', { name: 'Menu' }).click()
      const menu = page.getByRole('dialog', { name: 'Menu' })
      await expect(menu).toBeVisible()
      expect.soft(await faults(page), 'the menu').toEqual([])
      await menu.getByRole('link', { name: 'Audit log' }).click()
      await expect(page.getByRole('heading', { level: 1, name: 'Audit log' })).toBeVisible()
      await expect(menu).toBeHidden()
    })
    await test.step('sign-in', async () => {
      await page.context().clearCookies()
      await page.goto('/')
      await page.getByRole('button', { name: 'Sign in' }).click()
      await expect(page.getByText('Paste a token first.')).toBeVisible()
      expect.soft(await faults(page), 'sign-in').toEqual([])
    })
  })
}
