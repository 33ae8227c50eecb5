import { getRouteApi, Link, Navigate, useNavigate } from '@tanstack/react-router'
import { useCallback, useState } from 'react'
import type { Registered } from '../api/kinds'
import { type ListSearch, readList } from '../api/list-search'
import { useOwners } from '../api/owners'
import { useSession } from '../api/session'
import { useTranslation } from '../i18n'
import { useMay } from '../scope'
import { Button } from '../ui/button'
import { Icon } from '../ui/icon'
import { Empty, Heading } from '../ui/page'
import { RowName, rowLook } from '../ui/row'
import { Ago } from '../ui/time'
import { NameList } from './name-list'
import { OwnerDialog } from './owner-dialog'

const route = getRouteApi('/$kind/')

/** All owners of a kind. */
export function OwnersPage() {
  const { kind } = route.useParams()
  const { data } = useSession()
  if (kind !== 'environment') return <Owners kind={kind} />
  return data && <Navigate to="/$kind/$owner" params={{ kind, owner: data.environment.id }} replace />
}

/** Agents, or campaigns: search, open, make. */
function Owners({ kind }: { kind: Registered }) {
  const { t } = useTranslation()
  const search = route.useSearch({ select: readList, structuralSharing: true })
  const navigate = useNavigate()
  const [making, setMaking] = useState(false)
  const owners = useOwners(kind, search)
  const go = useCallback(
    (to: ListSearch) => navigate({ to: '/$kind', params: { kind }, search: to, replace: true }),
    [navigate, kind],
  )
  const make = useMay('webhooks') && (
    <Button look="primary" icon="plus" onClick={() => setMaking(true)}>
      {t(`${kind}.new`)}
    </Button>
  )
  return (
    <>
      <Heading key={kind} title={t(`${kind}`)} below={t(`${kind}.what`)} actions={make} />
      <NameList
        key={`${kind} list`}
        of={owners}
        label={t(`${kind}.search`)}
        search={search}
        onGo={go}
        none={
          <Empty title={t(`${kind}.none`)} action={make}>
            {t(`${kind}.none.next`)}
          </Empty>
        }
      >
        {(owner) => (
          <li key={owner.id}>
            <Link
              to="/$kind/$owner"
              params={{ kind, owner: owner.id }}
              className={`${rowLook} grid-cols-[minmax(0,1fr)_auto]`}
            >
              <RowName name={owner.name} below={<span className="font-mono text-xs">{owner.id}</span>} />
              <span className="flex items-center gap-3 text-muted text-sm">
                <span className="hidden sm:inline">
                  {t('made')} <Ago at={owner.created_at} />
                </span>
                <Icon name="right" />
              </span>
            </Link>
          </li>
        )}
      </NameList>
      {making && (
        <OwnerDialog
          kind={kind}
          onClose={() => setMaking(false)}
          onSaved={(owner) => navigate({ to: '/$kind/$owner', params: { kind, owner: owner.id }, ignoreBlocker: true })}
        />
      )}
    </>
  )
}
