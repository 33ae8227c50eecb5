import { test as base, expect, type Page } from '@playwright/test'
import { type Carteiro, startCarteiro } from './carteiro'
import { type Receiver, startReceiver } from './receiver'

export { expect }

export interface Made {
  id: string
  [field: string]: unknown
}

/** One environment of a running server, and what a test does to it beside the page. */
export interface World {
  url: string
  token: string
  call: (method: string, path: string, body?: unknown) => Promise<{ data: Made & Made[] } & Record<string, unknown>>
  /** Makes an agent with one webhook that leads to `path` of the receiver; gives the address of the webhook's page. */
  webhook: (path: string, settings?: Record<string, unknown>) => Promise<{ agent: string; id: string; page: string }>
  /** Puts in one event of an agent. */
  publish: (agent: string, payload?: Record<string, unknown>) => Promise<void>
}

export const event = 'event_phone_call_ended'

interface Fixtures {
  world: World
  /** A page that is signed in. */
  page: Page
  /** A page of somebody who is not. */
  stranger: Page
  /** A page that is signed in and may throw errors: for tests that provoke them. */
  rough: Page
}

/**
 * One server and one receiver a worker; each test has an environment to itself. A page that breaks its
 * Content-Security-Policy, throws, or asks another server for something fails its test.
 */
export const test = base.extend<Fixtures, { carteiro: Carteiro; receiver: Receiver }>({
  carteiro: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright wants a pattern
    async ({}, use) => {
      const carteiro = await startCarteiro()
      await use(carteiro)
      await carteiro.stop()
    },
    { scope: 'worker' },
  ],
  receiver: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright wants a pattern
    async ({}, use) => {
      const receiver = await startReceiver()
      await use(receiver)
      await receiver.stop()
    },
    { scope: 'worker' },
  ],
  baseURL: ({ carteiro }, use) => use(carteiro.url),
  world: async ({ carteiro, receiver }, use, info) => {
    receiver.reset()
    await use(worldOf(carteiro.url, carteiro.environment(info.testId), receiver))
  },
  rough: async ({ context, world }, use) => {
    const page = await context.newPage()
    expect((await page.request.post('/api/v1/session', { data: { token: world.token } })).status()).toBe(201)
    await use(page)
  },
  stranger: async ({ page }, use) => {
    await page.context().clearCookies()
    await use(page)
  },
  page: async ({ page, world, baseURL }, use) => {
    const faults = watch(page, baseURL ?? world.url)
    const answer = await page.request.post('/api/v1/session', { data: { token: world.token } })
    expect(answer.status()).toBe(201)
    await use(page)
    expect(faults).toEqual([])
  },
})

function watch(page: Page, url: string): string[] {
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(`thrown: ${error.message}`))
  page.on('console', (message) => {
    // An answer that is no success is written to the console by the browser itself.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) faults.push(message.text())
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(`${url}/`)) faults.push(`asked ${request.url()}`)
  })
  return faults
}

/** What a test does to an environment beside the page. */
export function worldOf(url: string, token: string, receiver: Receiver): World {
  const call: World['call'] = async (method, path, body) => {
    const answer = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const told = await answer.json()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(told)}`)
    return told
  }
  return {
    url,
    token,
    call,
    webhook: async (path, settings) => {
      const agent = (await call('POST', '/agents', { name: 'Ana' })).data.id
      const webhook = { name: 'CRM', webhook_url: receiver.url + path, events: [event], max_retries: 0, ...settings }
      const { id } = (await call('POST', `/agents/${agent}/webhooks`, webhook)).data
      return { agent, id, page: `/agents/${agent}/${id}` }
    },
    publish: async (agent, payload = { call: { id: 'c-1' } }) => {
      await call('POST', `/agents/${agent}/events`, { event, payload })
    },
  }
}

/** Waits until this webhook's log has as many entries of a status. */
export async function logged(world: World, agent: string, webhook: string, status: string, count: number) {
  await expect
    .poll(
      async () => {
        const page = await world.call('GET', `/agents/${agent}/webhooks/${webhook}/logs?status=${status}&per_page=1`)
        return (page.pagination as { total: number }).total
      },
      { timeout: 60_000 },
    )
    .toBe(count)
}
