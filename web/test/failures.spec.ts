import type { Page, Route } from '@playwright/test'
import { expect, test } from './world'

const list = '**/api/v1/agents?*'

const said = (message: string, more: Record<string, unknown> = {}) => ({ success: false, message, ...more })

const wait = { 'Retry-After': '3600' }

/** Every way in which a read fails, and what the reader is told, in both languages. */
const failures: [name: string, fail: (route: Route) => Promise<void>, en: string[], pt: string[]][] = [
  [
    '403',
    json(403, said('Authentication token lacks the scope read')),
    ['lacks the scope read', 'Sign in with a token'],
    ['não tem o escopo read', 'Entre com um token'],
  ],
  [
    '404',
    json(404, said('Agent not found in this environment.')),
    ['Not found', 'Agent not found in this environment.'],
    ['Não encontrado', 'Agente não encontrado neste ambiente.'],
  ],
  [
    '409',
    json(
      409,
      said('The X-Environment-Id header names another environment than the token.', { code: 'ENVIRONMENT_MISMATCH' }),
    ),
    ['Something changed'],
    ['Algo mudou'],
  ],
  [
    '412',
    json(412, said('The webhook has been changed.', { code: 'VERSION_CONFLICT' })),
    ['Something changed', 'The webhook has been changed.'],
    ['Algo mudou', 'O webhook foi alterado.'],
  ],
  [
    '413',
    json(413, said('The request body must not be greater than 10 bytes.')),
    ['Too large', 'must not be greater than 10 bytes'],
    ['Grande demais', '10 bytes'],
  ],
  ['422', json(422, said('Log cannot be retried')), ['Log cannot be retried'], ['não pode ser reenviada']],
  [
    '422 of a field that is not on the page',
    json(
      422,
      said('The given data was invalid.', { errors: { per_page: ['The per page must be between 1 and 100.'] } }),
    ),
    ['The per page must be between 1 and 100.'],
    ['entre 1 e 100'],
  ],
  [
    '429',
    json(429, said('Rate limit exceeded. Please wait before making more requests.'), { 'Retry-After': '50' }),
    ['Too many requests', 'Trying again in'],
    ['Requisições demais', 'Nova tentativa em'],
  ],
  [
    '500',
    json(500, said('Internal server error', { request_id: 'r-1' })),
    ['The server encountered an error', 'Request r-1'],
    ['O servidor encontrou um erro', 'Requisição r-1'],
  ],
  [
    '503',
    json(503, said('The store is unavailable.', { code: 'STORE_UNAVAILABLE' }), { 'Retry-After': '5' }),
    ['The database is unavailable', 'Accepted events are safe.'],
    ['O banco de dados está indisponível', 'Os eventos aceitos estão salvos.'],
  ],
  [
    'a proxy’s page',
    (route) => route.fulfill({ status: 502, contentType: 'text/html', body: '<html>Bad Gateway</html>' }),
    ['Unexpected response (HTTP 502)'],
    ['Resposta inesperada (HTTP 502)'],
  ],
  [
    'a page with status 200',
    (route) => route.fulfill({ status: 200, contentType: 'text/html', body: '<html>' }),
    ['Unexpected response (HTTP 200)'],
    ['Resposta inesperada (HTTP 200)'],
  ],
  [
    'an answer without its list',
    json(200, { success: true, data: null }),
    ['Unexpected response (HTTP 200)'],
    ['Resposta inesperada (HTTP 200)'],
  ],
  [
    'a lost network',
    (route) => route.abort('connectionreset'),
    ['The server cannot be reached'],
    ['Não foi possível falar com o servidor'],
  ],
]

function json(status: number, body: unknown, headers: Record<string, string> = {}) {
  return (route: Route) => route.fulfill({ status, headers, json: body })
}

async function speak(page: Page, language: string) {
  await page.addInitScript((chosen) => localStorage.setItem('carteiro.language', chosen), language)
}

for (const [language, at] of [
  ['en', 2],
  ['pt-BR', 3],
] as const)
  test(`every failure of a read is told in words (${language})`, async ({ page }) => {
    test.setTimeout(180_000)
    await speak(page, language)
    for (const failure of failures) {
      const [name, fail] = failure
      await test.step(name, async () => {
        await page.route(list, fail)
        await page.goto('/agents')
        for (const text of failure[at]) await expect(page.getByRole('main')).toContainText(text)
        await expect(page.getByRole('main')).not.toContainText(/TypeError|SyntaxError|undefined|Failed to fetch/)
        await page.unroute(list)
      })
    }
  })

test('a read that was limited is repeated when its time has come, and not before', async ({ page }) => {
  await page.clock.install()
  let asked = 0
  await page.route(list, (route) => {
    asked++
    return route.fulfill({
      status: 429,
      headers: { 'Retry-After': '30' },
      json: said('Rate limit exceeded. Please wait before making more requests.'),
    })
  })
  await page.goto('/agents')
  await expect(page.getByText(/Trying again in (30|29) sec/)).toBeVisible()
  await expect(page.getByRole('button', { name: 'Try again' })).toBeDisabled()
  await page.clock.runFor(20_000)
  await expect(page.getByText(/Trying again in (10|9) sec/)).toBeVisible()
  expect(asked).toBe(1)
  // Other reads are of the same limit.
  await page.getByRole('link', { name: 'Webhooks' }).first().click()
  await expect(page.getByText('Too many requests')).toBeVisible()
  await page.getByRole('link', { name: 'Agents' }).first().click()
  await page.unroute(list)
  await page.clock.runFor(12_000)
  await expect(page.getByText('No agents yet')).toBeVisible()
  expect(asked).toBe(1)
})

test('a page whose server was away shows its list again by itself', async ({ page }) => {
  await page.route('**/api/v1/webhooks?*', (route) => route.abort('connectionrefused'))
  await page.goto('/webhooks')
  await expect(page.getByText('The server cannot be reached')).toBeVisible()
  await page.unroute('**/api/v1/webhooks?*')
  await expect(page.getByText('No webhooks yet')).toBeVisible()
})

test('a limit of one session does not hold the reads of the next', async ({ page, world }) => {
  await page.route(list, json(429, said('Rate limit exceeded. Please wait before making more requests.'), wait))
  await page.goto('/agents')
  await expect(page.getByText('Too many requests')).toBeVisible()
  await page.unroute(list)
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByLabel('Environment token').fill(world.token)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await expect(page.getByText('No agents yet')).toBeVisible()
})

test('a limit of one session does not hold the reads of a session that another tab begins', async ({ page, world }) => {
  await page.route(list, json(429, said('Rate limit exceeded. Please wait before making more requests.'), wait))
  await page.goto('/agents')
  await expect(page.getByText('Too many requests')).toBeVisible()
  await page.unroute(list)
  const other = await page.context().newPage()
  await other.goto('/agents')
  await other.getByRole('button', { name: 'Sign out' }).click()
  await other.getByLabel('Environment token').fill(world.token)
  await other.getByRole('button', { name: 'Sign in' }).click()
  await expect(other.getByText('No agents yet')).toBeVisible()
  await expect(page.getByText('No agents yet')).toBeVisible()
})
