import type { ReactNode } from 'react'
import { useTranslation } from '../i18n'
import { CopyButton } from './code'
import { Card } from './page'

type Fact<T> = [name: string, value: T]

/** What is known of one thing, a line each, and below it the ids to copy. */
export function Facts({ facts, ids }: { facts: Fact<ReactNode>[]; ids: Fact<string>[] }) {
  const { t } = useTranslation()
  return (
    <Card title={t('facts')} id="facts">
      <dl className="grid gap-2.5 p-4 pt-1 text-sm">
        {facts.map(([name, value]) => (
          <div key={name} className="flex justify-between gap-3">
            <dt className="text-muted">{name}</dt>
            <dd className="wrap-anywhere text-right">{value}</dd>
          </div>
        ))}
        {ids.map(([name, id]) => (
          <div key={name}>
            <dt className="flex items-center justify-between text-muted">
              {name} <CopyButton text={id} label={t('copy')} />
            </dt>
            <dd className="wrap-anywhere font-mono text-xs">{id}</dd>
          </div>
        ))}
      </dl>
    </Card>
  )
}
