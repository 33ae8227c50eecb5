import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { useCallback, useState } from 'react'
import { useOwners } from '../api/owners'
import { useTranslation } from '../i18n'
import { useMay } from '../scope'
import { Button } from '../ui/button'
import { Icon } from '../ui/icon'
import { Fault } from '../ui/notice'
import { Empty, Heading, Loading } from '../ui/page'
import { Pager } from '../ui/pager'
import { SearchBox } from '../ui/search'
import { Ago } from '../ui/time'
import { OwnerDialog } from './owner-dialog'

const route = getRouteApi('/$kind/')

/** Agents, or campaigns: search, open, make. */
export function OwnersPage() {
  const { t } = useTranslation()
  const { kind } = route.useParams()
  const search = route.useSearch()
  const navigate = useNavigate()
  const [making, setMaking] = useState(false)
  const owners = useOwners(kind, search)
  const go = useCallback(
    (to: { search?: string; page?: number }) => navigate({ to: '/$kind', params: { kind }, search: to, replace: true }),
    [navigate, kind],
  )
  const find = useCallback((text: string) => go(text ? { search: text } : {}), [go])
  const make = useMay('webhooks') && (
    <Button look="primary" icon="plus" onClick={() => setMaking(true)}>
      {t(`${kind}.new`)}
    </Button>
  )
  return (
    <>
      <Heading key={kind} title={t(`${kind}`)} below={t(`${kind}.what`)} actions={make} />
      <div className="card">
        <div className="flex p-3">
          <SearchBox key={kind} label={t(`${kind}.search`)} value={search.search ?? ''} onSearch={find} />
        </div>
        {owners.error ? (
          <div className="p-4 pt-0">
            <Fault of={owners.error} retry={() => owners.refetch()} />
          </div>
        ) : !owners.data ? (
          <Loading label={t('loading')} />
        ) : owners.data.owners.length === 0 ? (
          search.search ? (
            <Empty
              title={t('search.none', { text: search.search })}
              action={<Button onClick={() => find('')}>{t('search.clear')}</Button>}
            />
          ) : (
            <Empty title={t(`${kind}.none`)} action={make}>
              {t(`${kind}.none.next`)}
            </Empty>
          )
        ) : (
          <ul className="divide-y divide-line border-line border-t">
            {owners.data.owners.map((owner) => (
              <li key={owner.id}>
                <Link
                  to="/$kind/$owner"
                  params={{ kind, owner: owner.id }}
                  className="group grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 px-4 py-2.5 -outline-offset-2! hover:bg-sunken/60"
                >
                  <span className="min-w-0">
                    <span className="block truncate font-medium group-hover:text-accent">{owner.name}</span>
                    <span className="block truncate font-mono text-muted text-xs">{owner.id}</span>
                  </span>
                  <span className="flex items-center gap-3 text-muted text-sm">
                    <span className="hidden sm:inline">
                      {t('made')} <Ago at={owner.created_at} />
                    </span>
                    <Icon name="right" />
                  </span>
                </Link>
              </li>
            ))}
          </ul>
        )}
        {owners.data && (
          <Pager
            page={owners.data.pagination.current_page}
            last={owners.data.pagination.last_page}
            total={owners.data.pagination.total}
            onPage={(page) => go({ ...search, page })}
          />
        )}
      </div>
      {making && (
        <OwnerDialog
          kind={kind}
          onClose={() => setMaking(false)}
          onSaved={(owner) => navigate({ to: '/$kind/$owner', params: { kind, owner: owner.id } })}
        />
      )}
    </>
  )
}
