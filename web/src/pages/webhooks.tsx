import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { useCallback } from 'react'
import { kindOf } from '../api/kinds'
import { type ListSearch, readList } from '../api/list-search'
import { useFoundWebhooks } from '../api/overview'
import { useTranslation } from '../i18n'
import { buttonLook } from '../ui/button'
import { Empty, Heading } from '../ui/page'
import { RowName, rowLook } from '../ui/row'
import { Status } from '../ui/status'
import { NameList } from './name-list'

const route = getRouteApi('/webhooks')

/** The webhooks of all owners, by name. */
export function WebhooksPage() {
  const { t } = useTranslation()
  const search = route.useSearch({ select: readList, structuralSharing: true })
  const navigate = useNavigate()
  const found = useFoundWebhooks(search)
  const go = useCallback((to: ListSearch) => navigate({ to: '/webhooks', search: to, replace: true }), [navigate])
  return (
    <>
      <Heading title={t('nav.webhooks')} below={t('webhooks.what')} />
      <NameList of={found} label={t('webhooks.search')} search={search} onGo={go} none={<NoWebhooks />}>
        {(webhook) => (
          <li key={webhook.webhook_id}>
            <Link
              to="/$kind/$owner/$webhook"
              params={{ kind: kindOf(webhook.kind), owner: webhook.owner_id, webhook: webhook.webhook_id }}
              className={`${rowLook} grid-cols-[minmax(0,1fr)_auto] sm:grid-cols-[minmax(0,1fr)_minmax(0,14rem)_6.5rem]`}
            >
              <RowName name={webhook.webhook_name} below={webhook.webhook_url} />
              <span className="hidden min-w-0 text-sm sm:block">
                <span className="block truncate">{webhook.owner_name}</span>
                <span className="block text-muted text-xs">{t(`kind.${webhook.kind}`)}</span>
              </span>
              <span className="justify-self-end">
                <Status of={webhook.status} />
              </span>
            </Link>
          </li>
        )}
      </NameList>
    </>
  )
}

function NoWebhooks() {
  const { t } = useTranslation()
  return (
    <Empty
      title={t('webhooks.none')}
      action={
        <Link to="/$kind" params={{ kind: 'agents' }} className={buttonLook('primary')}>
          {t('webhooks.toAgents')}
        </Link>
      }
    >
      {t('webhooks.none.owner')}
    </Empty>
  )
}
