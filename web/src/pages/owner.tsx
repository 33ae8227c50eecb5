import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useDeleteOwner, useOwner } from '../api/owners'
import { useWebhooks, type Webhook } from '../api/webhooks'
import { useTranslation } from '../i18n'
import { useMay } from '../scope'
import { Button, buttonLook } from '../ui/button'
import { CopyButton } from '../ui/code'
import { Confirm } from '../ui/confirm'
import { Icon } from '../ui/icon'
import { Fault } from '../ui/notice'
import { Empty, Heading, Loading, Trail } from '../ui/page'
import { Status } from '../ui/status'
import { useToast } from '../ui/toast'
import { OwnerDialog } from './owner-dialog'

const route = getRouteApi('/$kind/$owner')

/** One agent or campaign, and its webhooks. */
export function OwnerPage() {
  const { t } = useTranslation()
  const { kind, owner: id } = route.useParams()
  const navigate = useNavigate()
  const say = useToast()
  const [dialog, setDialog] = useState<'rename' | 'delete'>()
  const owner = useOwner({ kind, id })
  const remove = useDeleteOwner(kind)
  const may = useMay('webhooks')
  const trail = (
    <Trail label={t('trail')}>
      {[
        <Link key="kind" to="/$kind" params={{ kind }}>
          {t(`${kind}`)}
        </Link>,
      ]}
    </Trail>
  )
  if (owner.error)
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
        <Confirm
          title={t(`${kind}.delete`)}
          name={name}
          action={t('delete')}
          busy={remove.isPending}
          fault={remove.error}
          onClose={() => setDialog(undefined)}
          onConfirm={() =>
            remove.mutate(id, {
              onSuccess: () => {
                say(t('deleted', { name }))
                navigate({ to: '/$kind', params: { kind } })
              },
            })
          }
        >
          {t('owner.delete.what')}
        </Confirm>
      )}
    </>
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
  const webhooks = useWebhooks({ kind, id })
  return (
    <section className="card" aria-label={t('nav.webhooks')}>
      {webhooks.error ? (
        <div className="p-4">
          <Fault of={webhooks.error} retry={() => webhooks.refetch()} />
        </div>
      ) : !webhooks.data ? (
        <Loading label={t('loading')} rows={3} />
      ) : webhooks.data.webhooks.length === 0 ? (
        <Empty title={t('webhooks.none')} action={<NewWebhook />}>
          {t('webhooks.none.next')}
        </Empty>
      ) : (
        <ul className="divide-y divide-line">
          {webhooks.data.webhooks.map((webhook) => (
            <li key={webhook.id}>
              <WebhookRow webhook={webhook} />
            </li>
          ))}
        </ul>
      )}
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
      className="group grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 px-4 py-2.5 -outline-offset-2! hover:bg-sunken/60"
    >
      <span className="min-w-0">
        <span className="block truncate font-medium group-hover:text-accent">{webhook.name}</span>
        <span className="block truncate text-muted text-sm">{webhook.webhook_url}</span>
      </span>
      <span className="flex items-center gap-4">
        <span className="hidden text-muted text-sm sm:inline">
          {t('webhook.events.count', { count: webhook.events_count })}
        </span>
        <Status of={webhook.status} />
      </span>
    </Link>
  )
}
