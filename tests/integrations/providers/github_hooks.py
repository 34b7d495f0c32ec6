"""The hooks of one repository of GitHub's, kept as GitHub keeps them: no two with one address."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

import responses

HOOKS: Final = "https://api.github.com/repos/octo-org/hello-world/hooks"


@dataclass
class Hooks:
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    lose_next_answer: bool = False

    def register(self, mock: responses.RequestsMock) -> None:
        for method, reply in (("GET", self.listed), ("POST", self.made)):
            mock.add_callback(method, re.compile(re.escape(HOOKS) + r"(\?.*)?$"), reply)
        for method, reply in (("PATCH", self.changed), ("DELETE", self.deleted)):
            mock.add_callback(method, re.compile(re.escape(HOOKS) + r"/\d+$"), reply)

    def add(self, url: str, **row: Any) -> int:
        number = 100 + len(self.rows)
        self.rows[number] = {"events": ["push"], "active": True, **row, "config": {"url": url}}
        return number

    def listed(self, request: Any) -> tuple[int, dict[str, str], str]:
        self.asked.append("GET")
        size, page = int(request.params["per_page"]), int(request.params["page"])
        shown = [{"id": number, **row} for number, row in self.rows.items()]
        return 200, {}, json.dumps(shown[size * (page - 1) : size * page])

    def made(self, request: Any) -> tuple[int, dict[str, str], str]:
        self.asked.append("POST")
        sent = json.loads(request.body)
        if any(row["config"]["url"] == sent["config"]["url"] for row in self.rows.values()):
            said = {"resource": "Hook", "code": "custom", "message": "Hook already exists on this repository"}
            return 422, {}, json.dumps({"message": "Validation Failed", "errors": [said]})
        number = self.add(sent["config"]["url"])
        self.rows[number] = sent
        if self.lose_next_answer:
            self.lose_next_answer = False
            return 502, {}, "bad gateway"
        return 201, {}, json.dumps({"id": number, **sent})

    def changed(self, request: Any) -> tuple[int, dict[str, str], str]:
        self.asked.append("PATCH")
        number = int(request.url.rpartition("/")[2])
        self.rows[number] |= json.loads(request.body)
        return 200, {}, json.dumps({"id": number, **self.rows[number]})

    def deleted(self, request: Any) -> tuple[int, dict[str, str], str]:
        self.asked.append("DELETE")
        if self.rows.pop(int(request.url.rpartition("/")[2]), None) is None:
            return 404, {}, json.dumps({"message": "Not Found", "status": "404"})
        return 204, {}, ""
