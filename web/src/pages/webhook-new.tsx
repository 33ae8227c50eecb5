import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useOwner } from '../api/owners'
import { useSaveWebhook, useWebhooks, type Webhook } from '../api/webhooks'
import { useTranslation } from '../i18n'
import { Fault } from '../ui/notice'
import { Heading, Loading, Trail } from '../ui/page'
import { useToast } from '../ui/toast'
import { blank } from './webhook-draft'
import { WebhookForm } from './webhook-form'
import { MadeSecret } from './webhook-secret'

const route = getRouteApi('/$kind/$owner/new')

export function WebhookNewPage() {
  const { t } = useTranslation()
  const { kind, owner: id } = route.useParams()
  const navigate = useNavigate()
  const say = useToast()
  const owner = useOwner({ kind, id })
  const webhooks = useWebhooks({ kind, id })
  const save = useSaveWebhook({ kind, id })
  const [draft] = useState(blank)
  const [made, setMade] = useState<Webhook>()
  const show = (webhook: Webhook) =>
    navigate({ to: '/$kind/$owner/$webhook', params: { kind, owner: id, webhook: webhook.id } })
  return (
    <>
      <Heading
        title={t('webhook.new')}
        above={
          <Trail label={t('trail')}>
            {[
              <Link key="kind" to="/$kind" params={{ kind }}>
                {t(`${kind}`)}
              </Link>,
              <Link key="owner" to="/$kind/$owner" params={{ kind, owner: id }}>
                {owner.data?.name ?? '…'}
              </Link>,
            ]}
          </Trail>
        }
      />
      {made && <MadeSecret secret={made.webhook_secret ?? ''} onClose={() => show(made)} />}
      {webhooks.error ? (
        <Fault of={webhooks.error} retry={() => webhooks.refetch()} />
      ) : !webhooks.data ? (
        <Loading label={t('loading')} />
      ) : (
        <WebhookForm
          kind={kind}
          draft={draft}
          events={webhooks.data.events}
          hasSecret={false}
          isNew
          busy={save.isPending}
          fault={save.error}
          onSave={(input) =>
            save.mutate(input, {
              onSuccess: (webhook) => {
                say(t('webhook.created', { name: webhook.name }))
                if (webhook.webhook_secret) setMade(webhook)
                else show(webhook)
              },
            })
          }
        />
      )}
    </>
  )
}
