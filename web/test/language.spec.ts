import { event, expect, test } from './world'

test.describe('with a browser that speaks Portuguese', () => {
  test.use({ locale: 'pt-BR' })

  test('the page does too, the server’s messages and the dates included, until told otherwise', async ({
    page,
    world,
    receiver,
  }) => {
    const { agent, page: at } = await world.webhook('/pt')
    receiver.answer('/pt', 500)
    await page.goto('/')
    await expect(page.getByRole('heading', { level: 1, name: 'Visão geral' })).toBeVisible()
    await expect(page.locator('html')).toHaveAttribute('lang', 'pt-BR')
    await page.goto(`/agents/${agent}/new`)
    await page.getByRole('button', { name: 'Criar webhook' }).click()
    await expect(page.getByLabel('URL')).toHaveAccessibleDescription('O campo URL é obrigatório.')
    await expect(page.getByText('A chamada terminou')).toBeVisible()
    await world.publish(agent)
    await page.goto(at)
    await expect(page.getByRole('row').filter({ hasText: event })).toContainText('Falhou')
    await page.getByRole('link', { name: event }).click()
    await expect(page.getByText(/\d{1,2} de \p{L}{3}\.? de 20\d\d,/u).first()).toBeVisible()
    await page.getByLabel('Idioma').selectOption('en')
    await expect(page.getByRole('heading', { name: 'Attempts' })).toBeVisible()
    await page.reload()
    await expect(page.getByRole('heading', { name: 'Attempts' })).toBeVisible()
  })
})

test('the theme follows the system until one is chosen, and stays chosen', async ({ page }) => {
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.goto('/')
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible()
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
  const dark = await paper()
  await page.getByLabel('Theme').selectOption('light')
  await expect.poll(paper).not.toBe(dark)
  const light = await paper()
  await page.reload()
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible()
  expect(await paper()).toBe(light)
  await page.getByLabel('Theme').selectOption('system')
  await expect.poll(paper).toBe(dark)
})

test('the documentation is a link away, in the language of the page', async ({ page }) => {
  await page.goto('/')
  const follow = async (name: string, language: string) => {
    const opened = page.waitForEvent('popup')
    await page.getByRole('link', { name, exact: true }).click()
    const docs = await opened
    await expect(docs.locator('html')).toHaveAttribute('lang', language)
    await expect(docs.getByRole('heading', { level: 1, name: 'Carteiro' })).toBeVisible()
    await docs.close()
  }
  await follow('Documentation', 'en')
  await page.getByLabel('Language').selectOption('pt-BR')
  await follow('Documentação', 'pt-BR')
})
