import { event, expect, gate, test } from './faults'

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
