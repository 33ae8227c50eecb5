import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import type { Registered } from '../api/kinds'
import { useDeleteOwner, useOwner } from '../api/owners'
import { useWebhooks, type Webhook } from '../api/webhooks'
import { useTranslation } from '../i18n'
import { useMay } from '../scope'
import { Button, buttonLook } from '../ui/button'
import { CopyButton } from '../ui/code'
import { Icon } from '../ui/icon'
import { Loaded } from '../ui/loaded'
import { Fault } from '../ui/notice'
import { Empty, Heading } from '../ui/page'
import { RowName, rowLook } from '../ui/row'
import { Status } from '../ui/status'
import { DeleteDialog } from './delete-dialog'
import { OwnerDialog } from './owner-dialog'
import { KindTrail } from './owner-trail'

const route = getRouteApi('/$kind/$owner')

/** An owner, and its webhooks. */
export function OwnerPage() {
  const { kind, owner } = route.useParams()
  return kind === 'environment' ? <Operator id={owner} /> : <Owner kind={kind} id={owner} />
}

/** The environment as an owner: its webhooks are those of who runs it. */
function Operator({ id }: { id: string }) {
  const { t } = useTranslation()
  const { data, error, refetch } = useOwner({ kind: 'environment', id })
  return (
    <>
      <Heading
        title={t('operator.webhooks')}
        below={t('operator.webhooks.what')}
        actions={(data || !error) && <NewWebhook />}
      />
      {error && <OwnersFault of={error} retry={refetch} />}
      {(data || !error) && <OwnersWebhooks />}
    </>
  )
}

/** One agent or campaign. */
function Owner({ kind, id }: { kind: Registered; id: string }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const [dialog, setDialog] = useState<'rename' | 'delete'>()
  const owner = useOwner({ kind, id })
  const remove = useDeleteOwner({ kind, id })
  const may = useMay('webhooks')
  const trail = <KindTrail of={kind} />
  if (owner.error && !owner.data)
    return (
      <>
        <Heading title={t(`${kind}`)} above={trail} />
        <Fault of={owner.error} retry={() => owner.refetch()} />
      </>
    )
  const name = owner.data?.name ?? '…'
  return (
    <>
      <Heading
        title={name}
        above={trail}
        below={
          <span className="flex flex-wrap items-center gap-x-2 text-sm">
            <span className="wrap-anywhere font-mono text-xs">{id}</span>
            <CopyButton text={id} label={t('copy')} />
          </span>
        }
        actions={
          may && (
            <>
              <Button icon="pen" disabled={!owner.data} onClick={() => setDialog('rename')}>
                {t('rename')}
              </Button>
              <Button icon="trash" disabled={!owner.data} onClick={() => setDialog('delete')}>
                {t('delete')}
              </Button>
              <NewWebhook />
            </>
          )
        }
      />
      {owner.error && <OwnersFault of={owner.error} retry={owner.refetch} />}
      <OwnersWebhooks />
      {dialog === 'rename' && owner.data && (
        <OwnerDialog
          kind={kind}
          owner={owner.data}
          onClose={() => setDialog(undefined)}
          onSaved={() => setDialog(undefined)}
        />
      )}
      {dialog === 'delete' && owner.data && (
        <DeleteDialog
          title={t(`${kind}.delete`)}
          what={t('owner.delete.what')}
          name={name}
          remove={remove}
          onClose={() => setDialog(undefined)}
          onDeleted={() => navigate({ to: '/$kind', params: { kind } })}
        />
      )}
    </>
  )
}

function OwnersFault({ of, retry }: { of: unknown; retry: () => unknown }) {
  return (
    <div className="mb-4">
      <Fault of={of} retry={() => retry()} />
    </div>
  )
}

function NewWebhook() {
  const { t } = useTranslation()
  const { kind, owner } = route.useParams()
  if (!useMay('webhooks')) return null
  return (
    <Link to="/$kind/$owner/new" params={{ kind, owner }} className={buttonLook('primary')}>
      <Icon name="plus" />
      {t('webhook.new')}
    </Link>
  )
}

function OwnersWebhooks() {
  const { t } = useTranslation()
  const { kind, owner: id } = route.useParams()
  return (
    <section className="card" aria-label={t('nav.webhooks')}>
      <Loaded of={useWebhooks({ kind, id })} rows={3} inset>
        {({ webhooks }) =>
          webhooks.length === 0 ? (
            <Empty title={t('webhooks.none')} action={<NewWebhook />}>
              {t('webhooks.none.next')}
            </Empty>
          ) : (
            <ul className="divide-y divide-line">
              {webhooks.map((webhook) => (
                <li key={webhook.id}>
                  <WebhookRow webhook={webhook} />
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </section>
  )
}

function WebhookRow({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation()
  const { kind, owner } = route.useParams()
  return (
    <Link
      to="/$kind/$owner/$webhook"
      params={{ kind, owner, webhook: webhook.id }}
      className={`${rowLook} grid-cols-[minmax(0,1fr)_auto]`}
    >
      <RowName name={webhook.name} below={webhook.webhook_url} />
      <span className="flex items-center gap-4">
        <span className="hidden text-muted text-sm sm:inline">
          {t('webhook.events.count', { count: webhook.events_count })}
        </span>
        <Status of={webhook.status} />
      </span>
    </Link>
  )
}
