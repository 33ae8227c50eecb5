import type { Page } from '@playwright/test'
import { event, expect, logged, test } from './world'

/** Presses Tab until the focus is on something of this name. */
async function tabTo(page: Page, name: string | RegExp) {
  const target = page.locator(':focus')
  for (let n = 0; n < 60; n++) {
    await page.keyboard.press('Tab')
    const label = await target.evaluate(
      (element) =>
        element.getAttribute('aria-label') ??
        (element as HTMLInputElement).labels?.[0]?.innerText ??
        element.textContent ??
        '',
    )
    if (typeof name === 'string' ? label.trim() === name : name.test(label)) return
  }
  throw new Error(`Tab does not lead to ${name}`)
}

test('from signing in to a delivery that was retried, by keyboard alone', async ({
  stranger: page,
  world,
  receiver,
}) => {
  const { agent, id } = await world.webhook('/keys', { name: 'Keys' })
  receiver.answer('/keys', 500)
  await world.publish(agent, { n: 1 })
  await world.publish(agent, { n: 2 })
  await logged(world, agent, id, 'failed', 2)
  receiver.answer('/keys', 200)

  await page.goto('/')
  await expect(page.getByLabel('Environment token')).toBeFocused()
  await page.keyboard.insertText(world.token)
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeFocused()
  await expect(page.getByRole('link', { name: /Keys/ })).toBeVisible()
  await tabTo(page, /^Keys/)
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { level: 1, name: 'Keys' })).toBeVisible()

  await page.keyboard.press('?')
  await expect(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(page.getByRole('dialog')).toBeHidden()

  const rows = page.getByRole('link', { name: event })
  await expect(rows).toHaveCount(2)
  await page.keyboard.press('j')
  await expect(rows.nth(0)).toBeFocused()
  await page.keyboard.press('j')
  await expect(rows.nth(1)).toBeFocused()
  await page.keyboard.press('k')
  await expect(rows.nth(0)).toBeFocused()

  await page.keyboard.press('r')
  const dialog = page.getByRole('dialog', { name: `Retry ${event}` })
  await expect(dialog.getByRole('button', { name: 'Retry now' })).toBeFocused()
  await page.keyboard.press('Escape')
  await expect(dialog).toBeHidden()
  await expect(rows.nth(0)).toBeFocused()

  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { level: 1, name: event })).toBeFocused()
  await page.keyboard.press('r')
  await expect(dialog.getByRole('button', { name: 'Retry now' })).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(page.getByText(/^Attempt 2, by hand/)).toBeVisible()
  await expect(page.getByRole('main').getByText('Success', { exact: true })).toBeVisible()
})

test('/ goes to the search, and letters typed there are letters', async ({ page, world }) => {
  const { page: at } = await world.webhook('/slash')
  await page.goto(at)
  await expect(page.getByText('No deliveries yet')).toBeVisible()
  await page.keyboard.press('/')
  const search = page.getByLabel('Find by id')
  await expect(search).toBeFocused()
  await page.keyboard.type('j?r/')
  await expect(search).toHaveValue('j?r/')
  await expect(page.getByRole('dialog')).toBeHidden()
})
