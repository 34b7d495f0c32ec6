"""SMS by SNS's Publish: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html.

Signed by botocore and sent by the delivery engine: botocore's own client would repeat a request by itself. Nobody calls
back: what became of a message stands in CloudWatch, where delivery logging is on.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlencode

from integrations.providers.answers import Answer
from integrations.providers.aws_sns.connection import VERSION, endpoint, signed_headers, text_of
from integrations.providers.messaging import Channel, Judgement, MessageRequest, Messaging, OutgoingMessage, Verdict
from integrations.providers.sending_rules import judged_by_status, judgement, no_templates, problems_of
from integrations.providers.values import Values

MAX_BYTES: Final = 1600
_MESSAGE_ID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NOT_YET: Final = frozenset(
    {
        *("Throttled", "Throttling", "ThrottlingException", "TooManyRequestsException"),
        *("RequestTimeout", "RequestTimeoutException"),  # the request did not arrive whole
    }
)


class SnsMessaging(Messaging):
    """SMS by the sender ID where the country allows it. Our id cannot travel with it."""

    channels = frozenset({Channel.SMS})
    has_callbacks = False
    per_second = 20.0

    def problems(self, message: OutgoingMessage, values: Values) -> dict[str, list[str]]:
        found = problems_of(message, "Amazon SNS", most=MAX_BYTES, unit="bytes in UTF-8", size=_bytes_of)
        if values["access_key_id"].startswith("ASIA") and not values.get("session_token"):
            found["integration"] = ["The integration's access key is temporary (ASIA…): enter its session_token, too."]
        return found | no_templates(message, "Amazon SNS")

    def request(self, message: OutgoingMessage, values: Values) -> MessageRequest:
        form = {"Action": "Publish", "PhoneNumber": message.to, "Message": message.text}
        attributes = {"AWS.SNS.SMS.SMSType": values["sms_type"]}
        if sender := values.get("sender_id"):
            attributes["AWS.SNS.SMS.SenderID"] = sender
        for number, (name, value) in enumerate(attributes.items(), start=1):
            entry = f"MessageAttributes.entry.{number}"
            form |= {
                f"{entry}.Name": name,
                f"{entry}.Value.DataType": "String",
                f"{entry}.Value.StringValue": value,
            }
        url = endpoint(values)
        body = urlencode({**form, "Version": VERSION}).encode()
        return MessageRequest(url=url, headers=signed_headers(values, url, body), body=body)

    def judge(self, answer: Answer) -> Judgement:
        if answer.is_success:
            found = text_of("MessageId", answer) if "<PublishResponse" in answer.text else ""
            if _MESSAGE_ID.fullmatch(found):
                return Judgement(verdict=Verdict.SENT, provider_message_id=found)
            return judged_by_status(answer)
        code = text_of("Code", answer)
        said = text_of("Message", answer)
        if code in _NOT_YET:
            return judgement(
                Verdict.RETRY, code=code, said=said or "AWS wants fewer requests.", wait=answer.retry_after
            )
        return judged_by_status(answer, code=code, said=said)


def _bytes_of(text: str) -> int:
    return len(text.encode())


messaging = SnsMessaging()
