"""What the engine asks of the outside, in the domain's words. Each port has a real part and a fake."""

from selfheald.ports.agents import Agent, AgentReport, AgentTask, Command, Exit, Layout, Probe, Sandbox
from selfheald.ports.ci import CI, SemaphoreProject
from selfheald.ports.clock import Clock, Listener
from selfheald.ports.code_host import CodeHost
from selfheald.ports.repositories import PushOutcome, Repositories, WorkTree
from selfheald.ports.store import CaseBook, CaseEvent, Journal, Verdict
from selfheald.ports.zone import FindSecrets, Gate, Passage, PassageWanted, Redact, ToolAnswer, Tools

__all__ = [
    "CI",
    "Agent",
    "AgentReport",
    "AgentTask",
    "CaseBook",
    "CaseEvent",
    "Clock",
    "CodeHost",
    "Command",
    "Exit",
    "FindSecrets",
    "Gate",
    "Journal",
    "Layout",
    "Listener",
    "Passage",
    "PassageWanted",
    "Probe",
    "PushOutcome",
    "Redact",
    "Repositories",
    "Sandbox",
    "SemaphoreProject",
    "ToolAnswer",
    "Tools",
    "Verdict",
    "WorkTree",
]
