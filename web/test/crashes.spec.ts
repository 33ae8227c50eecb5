import { expect, test } from './world'

// A page that must show an error of its own writes it to the console: these tests look at the page alone.

test('an address with parameters that make no sense opens its page', async ({ page, world }) => {
  const { page: at } = await world.webhook('/junk')
  const asked: string[] = []
  page.on('request', (request) => asked.push(request.url()))
  const junk =
    'from=xx&to=yesterday&page=-1&status=maybe&http_status=teapot&since=ever&cursor=&period=eon&went=away&actor=nobody&action=x&subject=y&subject_id=z&all=no&search=%7B%7D&event='
  for (const path of [
    '/',
    '/webhooks',
    '/events',
    '/audit',
    '/agents',
    '/campaigns',
    at,
    `${at}/retries`,
    `${at}/retries/new`,
    `${at}/retries/replay`,
  ]) {
    await test.step(path, async () => {
      await page.goto(`${path}?${junk}`)
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
      await expect(page.getByText('This page encountered an error')).toBeHidden()
      await expect(page.getByText('Loading…')).toHaveCount(0)
      await expect(page.getByRole('alert')).toHaveCount(0)
    })
  }
  expect(
    asked.filter((url) => url.includes('/api/') && /=(xx|teapot|-1|maybe|eon|nobody)/.test(new URL(url).search)),
  ).toEqual([])
})

test('filters of one page do not reach the calls of another', async ({ page }) => {
  const asked: string[] = []
  page.on('request', (request) => asked.push(request.url()))
  await page.goto('/events?status=failed&actor=cli&event=event_action')
  await expect(page.getByText('No event meets these filters')).toBeVisible()
  const events = asked.find((url) => url.includes('/api/v1/events?'))
  expect(events).toContain('event=event_action')
  expect(events).not.toMatch(/status|actor/)
})

test('an audit entry of a kind that this page does not know is shown by its name', async ({ page }) => {
  await page.route('**/api/v1/audit*', (route) =>
    route.fulfill({
      json: {
        success: true,
        data: [
          {
            id: '01900000-0000-7000-8000-000000000001',
            at: 'soon',
            actor: { type: 'robot', name: '' },
            action: 'webhook.cloned',
            subject: { type: 'filter', id: 'f-1' },
            changes: [],
          },
        ],
        pagination: { current_page: 1, per_page: 25, total: 1, last_page: 1 },
      },
    }),
  )
  await page.goto('/audit')
  await expect(page.getByText('webhook.cloned')).toBeVisible()
})

for (const [language, title, again, overview] of [
  ['en', 'This page encountered an error', 'Try again', 'Overview'],
  ['pt-BR', 'Esta página encontrou um erro', 'Tentar de novo', 'Visão geral'],
] as const)
  test(`a page that cannot show its data says so in the shell, and recovers (${language})`, async ({ rough: page }) => {
    await page.addInitScript((chosen) => localStorage.setItem('carteiro.language', chosen), language)
    await page.route('**/api/v1/agents?*', (route) =>
      route.fulfill({ json: { success: true, data: [{}, null], meta: {} } }),
    )
    await page.goto('/agents')
    await expect(page.getByRole('heading', { level: 1, name: title })).toBeVisible()
    await page.getByRole('link', { name: overview }).first().click()
    await expect(page.getByRole('heading', { level: 1, name: overview })).toBeVisible()
    await page.goBack()
    await expect(page.getByRole('heading', { level: 1, name: title })).toBeVisible()
    await page.unroute('**/api/v1/agents?*')
    await page.getByRole('button', { name: again }).click()
    await expect(page.getByRole('heading', { level: 1, name: title })).toBeHidden()
    await expect(page.getByRole('searchbox')).toBeVisible()
  })

test('a page whose code cannot be loaded says so, and loads it once it can', async ({ rough: page }) => {
  await page.goto('/')
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible()
  await page.route('**/assets/audit-*.js', (route) => route.abort('internetdisconnected'))
  await page.getByRole('link', { name: 'Audit log' }).first().click()
  await expect(page.getByRole('heading', { level: 1, name: 'This page could not be loaded' })).toBeVisible()
  await page.unroute('**/assets/audit-*.js')
  await page.getByRole('button', { name: 'Try again' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Audit log' })).toBeVisible()
})

test('a browser that blocks storage shows the page, in the language and theme that are chosen', async ({ page }) => {
  await page.addInitScript(() => {
    for (const name of ['localStorage', 'sessionStorage'])
      Object.defineProperty(window, name, {
        get() {
          throw new DOMException('denied', 'SecurityError')
        },
      })
  })
  await page.goto('/')
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible()
  await page.getByLabel('Theme').selectOption('dark')
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark')
  await page.getByLabel('Language').selectOption('pt-BR')
  await expect(page.getByRole('heading', { name: 'Visão geral' })).toBeVisible()
  await page.getByRole('link', { name: 'Eventos' }).first().click()
  await expect(page.getByRole('heading', { level: 1, name: 'Eventos' })).toBeVisible()
})

test('the first visit loads one language and no page but its own', async ({ page }) => {
  const loaded: string[] = []
  page.on('request', (request) => loaded.push(new URL(request.url()).pathname))
  await page.goto('/')
  await expect(page.getByText('Nothing was sent in this period')).toBeVisible()
  const scripts = loaded.filter((path) => path.endsWith('.js'))
  expect(scripts.filter((path) => /assets\/(pt-BR|server|webhook-form|audit|delivery)-/.test(path))).toEqual([])
  expect(scripts.filter((path) => /assets\/en-/.test(path))).toHaveLength(1)
  await page.getByLabel('Language').selectOption('pt-BR')
  await expect(page.getByRole('heading', { name: 'Visão geral' })).toBeVisible()
  expect(loaded.some((path) => /assets\/pt-BR-/.test(path))).toBe(true)
})
