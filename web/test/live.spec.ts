import type { Page } from '@playwright/test'
import { event, expect, test } from './world'

// A stream that a test feeds, in time that a test moves on: two minutes of a busy log take seconds.

interface Feed {
  open: () => void
  send: (from: number, to: number) => void
}
declare global {
  interface Window {
    feed: Feed
    announced: number
  }
}

const idOf = (n: number) => `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`

const entry = (n: number, webhook: string) => ({
  id: idOf(n),
  webhook_id: webhook,
  event,
  event_id: idOf(n),
  attempt: 1,
  trigger: 'automatic',
  status: 'success',
  http_status: 200,
  duration_ms: 12,
  created_at: new Date(1_767_225_600_000 + n * 2.5).toISOString(),
})

/** A log that grows at the rate of `tick`, and what the page makes of it. */
async function busyLog(page: Page, world: { webhook: (path: string) => Promise<{ id: string; page: string }> }) {
  const { id, page: at } = await world.webhook('/busy')
  await page.clock.install()
  await page.addInitScript(
    ([webhook, name]) => {
      class Fed extends EventTarget {
        static CLOSED = 2
        readyState = 1
        constructor() {
          super()
          const tell = (type: string, data: string) => this.dispatchEvent(new MessageEvent(type, { data }))
          window.feed = {
            open: () => tell('open', '{}'),
            send: (from, to) => {
              // As the server does when more has happened than one look finds.
              tell('reset', '{}')
              for (let n = from; n < to; n++) {
                const id = `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`
                tell(
                  'log',
                  JSON.stringify({
                    id,
                    webhook_id: webhook,
                    event: name,
                    event_id: id,
                    attempt: 1,
                    trigger: 'automatic',
                    status: 'success',
                    http_status: 200,
                    duration_ms: 12,
                    created_at: new Date(1_767_225_600_000 + n * 2.5).toISOString(),
                  }),
                )
              }
            },
          }
        }
        close() {
          this.readyState = 2
        }
      }
      Object.defineProperty(window, 'EventSource', { value: Fed })
      window.announced = 0
      const observe = () =>
        new MutationObserver((changes) => {
          const live = changes.filter(({ target }) => {
            const region = (target instanceof Element ? target : target.parentElement)?.closest(
              '[aria-live], [role=status], [role=alert]',
            )
            return region && region.getAttribute('aria-live') !== 'off'
          })
          if (live.length > 0) window.announced++
        }).observe(document.body, { subtree: true, childList: true, characterData: true })
      document.addEventListener('DOMContentLoaded', observe)
    },
    [id, event] as const,
  )
  let newest = 1_000
  let asked = 0
  await page.route(/\/logs\?/, (route) => {
    asked++
    const size = Number(new URL(route.request().url()).searchParams.get('per_page'))
    const data = Array.from({ length: size }, (_, n) => entry(newest - 1 - n, id))
    return route.fulfill({
      json: {
        success: true,
        data,
        pagination: {
          current_page: 1,
          per_page: size,
          total: newest,
          last_page: 1 + Math.floor(newest / size),
          next_cursor: 'next',
        },
      },
    })
  })
  await page.goto(at)
  await expect(page.getByRole('row')).toHaveCount(26)
  await page.evaluate(() => window.feed.open())
  return {
    asked: () => asked,
    /** A second in which 400 deliveries are made. */
    tick: async () => {
      const from = newest
      newest += 400
      await page.evaluate(([from, to]) => window.feed.send(from, to), [from, newest] as const)
      await page.clock.runFor(1_000)
    },
    rows: () => page.locator('tbody tr').count(),
    now: () => page.evaluate(() => Date.now()),
  }
}

test('a log of 400 deliveries a second is followed for two minutes within bounds', async ({ page, world }) => {
  test.setTimeout(180_000)
  const log = await busyLog(page, world)
  await page.locator('tbody a[data-log]').first().focus()
  const focused = await page.evaluate(() => (document.activeElement as HTMLElement).dataset.log)
  expect(focused).toBe(idOf(999))
  const [began, askedBefore] = [await log.now(), log.asked()]
  const seen: number[] = []
  for (let second = 0; second < 120; second++) {
    await log.tick()
    if (second % 4 === 3) seen.push(await log.rows())
  }
  const seconds = ((await log.now()) - began) / 1000
  expect(seconds).toBeGreaterThanOrEqual(120)
  // 200 rows, and the focused one.
  expect(Math.max(...seen)).toBeLessThanOrEqual(201)
  expect(Math.min(...seen)).toBeGreaterThanOrEqual(100)
  expect(log.asked() - askedBefore).toBeLessThanOrEqual(seconds + 2)
  expect(await page.evaluate(() => window.announced)).toBeLessThanOrEqual(seconds / 5 + 4)
  expect(await page.evaluate(() => (document.activeElement as HTMLElement | null)?.dataset.log)).toBe(focused)
  await expect(page.getByText('49,000 deliveries').first()).toBeAttached()
})

test('a paused log counts what comes, keeps its rows, and goes on with the newest', async ({ page, world }) => {
  test.setTimeout(120_000)
  const log = await busyLog(page, world)
  await log.tick()
  await page.getByRole('button', { name: 'Live' }).click()
  await expect(page.getByRole('button', { name: 'Paused' })).toBeVisible()
  await page.clock.runFor(2_000)
  const first = await page.locator('tbody tr').first().getAttribute('data-log')
  const [rows, asked] = [await log.rows(), log.asked()]
  for (let second = 0; second < 40; second++) await log.tick()
  await expect(page.getByRole('button', { name: 'Paused, 16,000 new' })).toBeVisible()
  expect(await log.rows()).toBe(rows)
  // A list that was requested just before the pause may be counted late; 40 seconds of a followed log would request 40.
  expect(log.asked() - asked).toBeLessThanOrEqual(1)
  expect(await page.locator('tbody tr').first().getAttribute('data-log')).toBe(first)
  await page.getByRole('button', { name: 'Paused' }).click()
  await expect(page.locator('tbody tr').first()).toHaveAttribute('data-log', idOf(17_399))
  await page.clock.runFor(1_500)
  expect(await log.rows()).toBeLessThanOrEqual(200)
  expect(log.asked() - asked).toBeLessThanOrEqual(3)
})

for (const [language, limited, session] of [
  ['en', 'Too many streams are open in this environment.', 'Environment token'],
  ['pt-BR', 'Há conexões ao vivo demais abertas neste ambiente.', 'Token do ambiente'],
] as const)
  test(`a stream that is refused says why, and follows again when it can (${language})`, async ({ page, world }) => {
    await page.addInitScript((chosen) => localStorage.setItem('carteiro.language', chosen), language)
    const { agent, page: at } = await world.webhook('/refused')
    await page.route(/\/logs\/stream/, (route) =>
      route.fulfill({
        status: 429,
        headers: { 'Retry-After': '2' },
        json: {
          success: false,
          message: 'Too many streams are open in this environment.',
          code: 'STREAM_LIMIT_EXCEEDED',
        },
      }),
    )
    await page.goto(at)
    await expect(page.getByText(limited)).toBeVisible()
    await page.unroute(/\/logs\/stream/)
    await expect(page.getByText(limited)).toBeHidden()
    await world.publish(agent)
    await expect(page.getByRole('row').filter({ hasText: event })).toBeVisible()
    // The end of the session is noticed by the stream, too.
    await page.route(/\/logs\/stream/, (route) =>
      route.fulfill({
        status: 401,
        json: { error: 'UNAUTHORIZED', message: 'Invalid or missing authentication token' },
      }),
    )
    await page.context().clearCookies()
    await page.reload()
    await expect(page.getByLabel(session)).toBeVisible()
  })
