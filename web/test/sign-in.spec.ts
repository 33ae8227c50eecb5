import { expect, test } from './world'

test('a wrong token is refused at its field, the right one opens the page that was asked for', async ({
  stranger: page,
  world,
}) => {
  await page.goto('/agents')
  await page.getByRole('button', { name: 'Sign in' }).click()
  const token = page.getByLabel('Environment token')
  await expect(token).toHaveAccessibleDescription(/Paste a token first/)
  await token.fill('talq_nobody')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await expect(token).toHaveAccessibleDescription(/Invalid or missing authentication token/)
  await token.fill(world.token)
  await token.press('Enter')
  await expect(page.getByRole('heading', { level: 1, name: 'Agents' })).toBeVisible()
  await expect(page).toHaveURL(/\/agents$/)
  await page.reload()
  await expect(page.getByRole('heading', { level: 1, name: 'Agents' })).toBeVisible()
})

test('no script can read the session, and no store keeps the token', async ({ page, world }) => {
  await page.goto('/')
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible()
  const kept = await page.evaluate(() => document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage }))
  expect(kept).not.toContain(world.token)
  expect(kept).not.toContain('session')
  const [cookie] = await page.context().cookies()
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/' })
})

test('signing out ends the session', async ({ page }) => {
  await page.goto('/')
  await page.getByRole('button', { name: 'Sign out' }).click()
  await expect(page.getByLabel('Environment token')).toBeVisible()
  await page.goto('/webhooks')
  await expect(page.getByLabel('Environment token')).toBeVisible()
})

test('a session that ended elsewhere asks for the token where one stands', async ({ page, world }) => {
  await page.goto('/agents')
  await expect(page.getByText('No agents yet')).toBeVisible()
  await page.context().clearCookies()
  await page.getByLabel('Search agents by name').fill('Ana')
  const token = page.getByLabel('Environment token')
  await token.fill(world.token)
  await token.press('Enter')
  await expect(page.getByText('Nothing found for “Ana”')).toBeVisible()
})
