import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { useCallback } from 'react'
import { kindOf, useFoundWebhooks } from '../api/overview'
import { useTranslation } from '../i18n'
import { Button, buttonLook } from '../ui/button'
import { Fault } from '../ui/notice'
import { Empty, Heading, Loading } from '../ui/page'
import { Pager } from '../ui/pager'
import { SearchBox } from '../ui/search'
import { Status } from '../ui/status'

const route = getRouteApi('/webhooks')

/** The webhooks of all agents and campaigns, by name. */
export function WebhooksPage() {
  const { t } = useTranslation()
  const search = route.useSearch()
  const navigate = useNavigate()
  const found = useFoundWebhooks(search)
  const go = useCallback(
    (to: { search?: string; page?: number }) => navigate({ to: '/webhooks', search: to, replace: true }),
    [navigate],
  )
  const find = useCallback((text: string) => go(text ? { search: text } : {}), [go])
  return (
    <>
      <Heading title={t('nav.webhooks')} below={t('webhooks.what')} />
      <div className="card">
        <div className="flex p-3">
          <SearchBox label={t('webhooks.search')} value={search.search ?? ''} onSearch={find} />
        </div>
        {found.error ? (
          <div className="p-4 pt-0">
            <Fault of={found.error} retry={() => found.refetch()} />
          </div>
        ) : !found.data ? (
          <Loading label={t('loading')} />
        ) : found.data.data.length === 0 ? (
          search.search ? (
            <Empty
              title={t('search.none', { text: search.search })}
              action={<Button onClick={() => find('')}>{t('search.clear')}</Button>}
            />
          ) : (
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
        ) : (
          <ul className="divide-y divide-line border-line border-t">
            {found.data.data.map((webhook) => (
              <li key={webhook.webhook_id}>
                <Link
                  to="/$kind/$owner/$webhook"
                  params={{ kind: kindOf(webhook.kind), owner: webhook.owner_id, webhook: webhook.webhook_id }}
                  className="group grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 px-4 py-2.5 -outline-offset-2! hover:bg-sunken/60 sm:grid-cols-[minmax(0,1fr)_minmax(0,14rem)_6.5rem]"
                >
                  <span className="min-w-0">
                    <span className="block truncate font-medium group-hover:text-accent">{webhook.webhook_name}</span>
                    <span className="block truncate text-muted text-sm">{webhook.webhook_url}</span>
                  </span>
                  <span className="hidden min-w-0 text-sm sm:block">
                    <span className="block truncate">{webhook.owner_name}</span>
                    <span className="block text-muted text-xs">{t(`kind.${webhook.kind}`)}</span>
                  </span>
                  <span className="justify-self-end">
                    <Status of={webhook.status} />
                  </span>
                </Link>
              </li>
            ))}
          </ul>
        )}
        {found.data && (
          <Pager
            page={found.data.pagination.current_page}
            last={found.data.pagination.last_page}
            total={found.data.pagination.total}
            onPage={(page) => go({ ...search, page })}
          />
        )}
      </div>
    </>
  )
}
