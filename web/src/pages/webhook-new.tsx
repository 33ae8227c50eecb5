import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useCreateWebhook, useWebhooks, type Webhook } from '../api/webhooks'
import { useTranslation } from '../i18n'
import { Loaded } from '../ui/loaded'
import { Heading } from '../ui/page'
import { useToast } from '../ui/toast'
import { Unsaved } from '../ui/unsaved'
import { OwnerTrail } from './owner-trail'
import { paramsOf } from './place'
import { blank, changes, isChanged } from './webhook-draft'
import { WebhookForm } from './webhook-form'
import { MadeSecret } from './webhook-secret'

const route = getRouteApi('/$kind/$owner/new')

export function WebhookNewPage() {
  const { t } = useTranslation()
  const { kind, owner: id } = route.useParams()
  const owner = { kind, id }
  const navigate = useNavigate()
  const say = useToast()
  const webhooks = useWebhooks(owner)
  const save = useCreateWebhook(owner)
  const [initial] = useState(blank)
  const [draft, setDraft] = useState(initial)
  const [made, setMade] = useState<Webhook>()
  const show = (webhook: Webhook) =>
    navigate({
      to: '/$kind/$owner/$webhook',
      params: paramsOf({ owner, webhook: webhook.id }),
      ignoreBlocker: true,
    })
  // A secret is under way, or shown: leaving would lose it.
  const once = made !== undefined || (save.isPending && draft.makeSecret)
  return (
    <>
      <Heading title={t('webhook.new')} above={<OwnerTrail of={owner} />} />
      <Unsaved when={isChanged(initial, draft) || once} locked={once} />
      {made && <MadeSecret secret={made.webhook_secret ?? ''} onClose={() => show(made)} />}
      <Loaded of={webhooks}>
        {({ events }) => (
          <WebhookForm
            kind={kind}
            draft={draft}
            onChange={setDraft}
            events={events}
            hasSecret={false}
            isNew
            busy={save.isPending || made !== undefined}
            failure={save.error}
            onSave={() =>
              save.mutate(changes(initial, draft, true), {
                onSuccess: (webhook) => {
                  say(t('webhook.created', { name: webhook.name }))
                  if (webhook.webhook_secret) setMade(webhook)
                  else show(webhook)
                },
              })
            }
          />
        )}
      </Loaded>
    </>
  )
}
