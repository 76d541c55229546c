"""What the shipped labels are tried with: plain and long names, both languages, with COD and without.

Owns: data for pictures and tests; none of these people and places exist. Must not know: templates, pages.
"""

from __future__ import annotations

from typing import Any

Data = dict[str, Any]

BOOTH: Data = {"id": "DHK-GPO-0001", "name": "Dhaka GPO Booth 1", "name_bn": "ঢাকা জিপিও বুথ ১"}
LONG_BOOTH: Data = {
    "id": "CTG-AGRABAD-COMMERCIAL-AREA-12",
    "name": "Chattogram Agrabad Commercial Area Post Office Booth 12",
    "name_bn": "চট্টগ্রাম আগ্রাবাদ বাণিজ্যিক এলাকা ডাকঘর বুথ ১২",
}
TIME: Data = {"local": "2026-11-23 21:15"}
ITEM: Data = {"number": "RR123456785BD", "qr": "BXL1:0123456789ab:1:RR123456785BD"}
TRACKED: Data = {"number": "RR123456785BD", "qr": "https://bdpost.gov.bd/track/RR123456785BD"}
WEIGHT: Data = {"text": "1.234", "unit": "kg"}
COD: Data = {"poisha": 125_000}
BANGLA_RECIPIENT: Data = {
    "name": "মোঃ আব্দুর রহিম",
    "address": "বাসা ১২/A, রোড ৫, ব্লক-সি, মিরপুর-১০, ঢাকা",
    "postcode": "1216",
    "phone": "01911-123456",
}
BANGLA_SENDER: Data = {
    "name": "ক্ষুদ্র উদ্যোক্তা শপ",
    "address": "কলেজ রোড, শ্রীমঙ্গল, মৌলভীবাজার",
    "postcode": "3210",
    "phone": "01712-345678",
}
ENGLISH_RECIPIENT: Data = {
    "name": "Abdur Rahim",
    "address": "House 12/A, Road 5, Block C, Mirpur 10, Dhaka",
    "postcode": "1216",
    "phone": "01911-123456",
}
ENGLISH_SENDER: Data = {
    "name": "Small Traders' Shop",
    "address": "College Road, Sreemangal, Moulvibazar",
    "postcode": "3210",
    "phone": "01712-345678",
}
LONG_RECIPIENT: Data = {
    "name": "ব্রাহ্মণবাড়িয়া ক্ষুদ্র উদ্যোক্তা উন্নয়ন সমবায় সমিতি লিমিটেড (Brahmanbaria Co-operative Ltd.)",
    "address": "হোল্ডিং নং ২৩৪/ক-৫, তৃতীয় তলা, বীর মুক্তিযোদ্ধা শহীদ ক্যাপ্টেন মনসুর আলী সরণি, "
    "উত্তর মৌড়াইল, ব্রাহ্মণবাড়িয়া সদর, ব্রাহ্মণবাড়িয়া-৩৪০০, চট্টগ্রাম বিভাগ, বাংলাদেশ",
    "postcode": "3400",
    "phone": "+880 1911-123456, 01712-345678",
}
LONG_SENDER: Data = {
    "name": "Messrs. Rahman & Sons Handicrafts, Jamdani and Muslin Export Import (Private) Limited",
    "address": "Plot 17/B, Tarabo Industrial Area, Rupganj Upazila, Narayanganj, Dhaka 1460, Bangladesh",
    "postcode": "1460",
    "phone": "01712-345678",
}

_ACCEPTED: Data = {"item": ITEM, "weight": WEIGHT, "booth": BOOTH, "time": TIME}
_BANGLA: Data = {**_ACCEPTED, "recipient": BANGLA_RECIPIENT, "sender": BANGLA_SENDER}
_ENGLISH: Data = {**_ACCEPTED, "recipient": ENGLISH_RECIPIENT, "sender": ENGLISH_SENDER}
_COURIER: Data = {"number": "EC-2026-11-000123456789", "qr": "EC-2026-11-000123456789"}

PARCEL: dict[str, Data] = {
    "bangla": {**_BANGLA, "route": {"destination": "মিরপুর ১২১৬"}},
    "english": {**_ENGLISH, "route": {"destination": "Mirpur 1216"}, "service": {"name": "EMS"}},
    "cod": {**_BANGLA, "cod": COD, "item": {**ITEM, "reference": "BD-2026-0012345"}},
    "by-hand": {**_ACCEPTED, "booth": {"id": "DHK-GPO-0001", "name": "Dhaka GPO Booth 1"}},
    "cod-by-hand": {**_ACCEPTED, "cod": {"poisha": 50}},
    "not-weighed": {**_ENGLISH, "weight": {"unit": "kg"}},
    "name-only": {**_ACCEPTED, "recipient": {"name": "Rahim"}, "sender": {"name": "Karim"}},
    "courier": {**_BANGLA, "item": _COURIER},
    "long": {
        "item": {
            **ITEM,
            "qr": f"{ITEM['qr']}?b=CTG-AGRABAD-12",
            "reference": "MERCHANT-ORDER-2026-11-000123456",
        },
        "service": {"name": "REGISTERED / রেজিস্টার্ড"},
        "weight": {"text": "123.4567", "unit": "kg"},
        "booth": LONG_BOOTH,
        "time": TIME,
        "cod": {"poisha": 1_234_567_890},
        "recipient": LONG_RECIPIENT,
        "sender": LONG_SENDER,
        "route": {"destination": "ব্রাহ্মণবাড়িয়া সদর প্রধান ডাকঘর / Brahmanbaria Sadar Head Post Office"},
    },
}
STICKER: dict[str, Data] = {
    "plain": {**_ACCEPTED, "recipient": {"postcode": "1216"}},
    "bare": {**_ACCEPTED, "weight": {"unit": "kg"}},
    "long": {
        **_ACCEPTED,
        "item": {**ITEM, "number": "EC26-0012345"},
        "weight": {"text": "123.4567", "unit": "kg"},
        "recipient": {"postcode": "3400"},
    },
}
CHARGES: list[Data] = [
    {"name": "ডাকমাশুল / Postage", "poisha": 12_000},
    {"name": "রেজিস্ট্রেশন / Registration", "poisha": 3_000},
    {"name": "COD ফি / COD fee", "poisha": 2_000},
]
RECEIPT: dict[str, Data] = {
    "bangla": {
        **_ACCEPTED,
        "item": TRACKED,
        "sender": BANGLA_SENDER,
        "recipient": {**BANGLA_RECIPIENT, "place": "মিরপুর, ঢাকা ১২১৬"},
        "service": {"name": "পার্সেল"},
        "charge": CHARGES[:2],
        "total": {"poisha": 15_000},
    },
    "cod": {
        **_ACCEPTED,
        "item": TRACKED,
        "sender": ENGLISH_SENDER,
        "recipient": {**ENGLISH_RECIPIENT, "place": "Mirpur, Dhaka 1216"},
        "service": {"name": "EMS"},
        "cod": COD,
        "charge": CHARGES,
        "total": {"poisha": 17_000},
    },
    "bare": {**_ACCEPTED, "item": TRACKED, "weight": {"unit": "kg"}},
    "long": {
        **PARCEL["long"],
        "item": TRACKED,
        "recipient": {**LONG_RECIPIENT, "place": "ব্রাহ্মণবাড়িয়া সদর, ব্রাহ্মণবাড়িয়া, চট্টগ্রাম বিভাগ ৩৪০০"},
        "charge": [*CHARGES, {"name": "অতিরিক্ত বীমা / Supplementary insurance premium", "poisha": 1_234_500}],
        "total": {"poisha": 1_251_500},
    },
}
COD_RECEIPT: dict[str, Data] = {
    "bangla": {
        "item": ITEM,
        "receipt": {"number": "COD-DHK-0001-000123"},
        "cod": COD,
        "payment": {"means": "নগদ / Cash"},
        "recipient": BANGLA_RECIPIENT,
        "sender": BANGLA_SENDER,
        "booth": BOOTH,
        "clerk": {"name": "রুমানা আক্তার"},
        "time": TIME,
    },
    "bare": {
        "item": ITEM,
        "receipt": {"number": "1"},
        "cod": {"poisha": 50},
        "booth": {"id": "DHK-GPO-0001", "name": "Dhaka GPO Booth 1"},
        "time": TIME,
    },
    "long": {
        "item": _COURIER,
        "receipt": {"number": "COD-CTG-AGRABAD-12-00012345"},
        "cod": {"poisha": 7_777_777_777_77},
        "payment": {"means": "মোবাইল ব্যাংকিং / Mobile banking"},
        "recipient": LONG_RECIPIENT,
        "sender": LONG_SENDER,
        "booth": LONG_BOOTH,
        "clerk": {"name": "মোহাম্মদ শহীদুল ইসলাম চৌধুরী সরকার (Senior Counter Clerk)"},
        "time": TIME,
    },
}
_BAG: Data = {"code": "BAG-DHK-0001-000042", "count": 24}
BAG: dict[str, Data] = {
    "sscc": {
        "bag": {**_BAG, "sscc": "340123450000000017"},
        "seal": {"number": "S-0098765"},
        "from": {"name": "ঢাকা জিপিও"},
        "to": {"name": "শ্রীমঙ্গল", "code": "3210"},
        "booth": BOOTH,
        "weight": WEIGHT,
        "time": TIME,
    },
    "own-code": {
        "bag": _BAG,
        "from": {"name": "Dhaka GPO"},
        "to": {"name": "Sreemangal"},
        "booth": BOOTH,
        "weight": {"unit": "kg"},
        "time": TIME,
    },
    "long": {
        "bag": {"code": "BAG-CTG-AGRABAD-12-0000042", "count": 12_345},
        "seal": {"number": "SEAL-2026-00987"},
        "from": {"name": "চট্টগ্রাম আগ্রাবাদ বাণিজ্যিক এলাকা ডাকঘর / Chattogram Agrabad Commercial Area"},
        "to": {"name": "ব্রাহ্মণবাড়িয়া সদর প্রধান ডাকঘর / Brahmanbaria Sadar Head Post Office", "code": "3400"},
        "booth": LONG_BOOTH,
        "weight": {"text": "123.4567", "unit": "kg"},
        "time": TIME,
    },
}
_SLIP: Data = {
    "booth": BOOTH,
    "time": TIME,
    "agent": {"version": "1.4.0"},
    "slip": {"qr": "https://booth.example.org/t?b=DHK-GPO-0001&d=4f8a0c1122", "code": "SLIP-000123"},
}
READY = "ঠিক আছে / ready"
STATUS: dict[str, Data] = {
    "well": {
        **_SLIP,
        "link": {"state": "সংযুক্ত / online", "since": "2026-11-23 20:55"},
        "clock": {"state": "NTP, ±0.02 s"},
        "backlog": {"count": 0},
        "address": {"ip": "192.168.10.24"},
        "device": [{"name": name, "state": READY} for name in ("scanner", "scale", "printer")],
        "fault": [],
    },
    "faults": {
        **_SLIP,
        "booth": LONG_BOOTH,
        "link": {"state": "বিচ্ছিন্ন / offline", "since": "2026-11-22 09:10"},
        "clock": {"state": "ঠিক নেই / not set"},
        "backlog": {"count": 1_234, "oldest": "২ ঘণ্টা ১৫ মি / 2 h 15 min"},
        "device": [
            *({"name": f"scanner-{number}", "state": READY} for number in range(1, 7)),
            {"name": "scale", "state": "সাড়া নেই / silent since 20:55"},
            {"name": "printer", "state": "কাগজ নেই / paper out"},
        ],
        "fault": [
            {"code": "printer.paper_out", "text": "কাগজ দিন / Insert paper"},
            {"code": "link.refused", "text": "নেটওয়ার্ক দেখুন / Check the network"},
            {"code": "clock.unset", "text": "ঘড়ি ঠিক নেই / Clock not set"},
        ],
    },
    "bare": {
        **_SLIP,
        "booth": {"id": "DHK-GPO-0001", "name": "Dhaka GPO Booth 1"},
        "link": {"state": "offline"},
        "clock": {"state": "not set"},
        "backlog": {"count": 0},
    },
}
CHALLENGE: dict[str, Data] = {
    "device": {
        "challenge": {"code": "Bx7/kT4m-aYq_X9pd", "until": "2026-11-23 21:25"},
        "device": {"name": "USB 05e0:1200, port 1-1.3"},
        "booth": BOOTH,
        "time": TIME,
    },
    "bare": {
        "challenge": {"code": "Bx7/MGDX-aYq_GDMX", "until": "2026-11-23 21:25"},
        "booth": {"id": "DHK-GPO-0001", "name": "Dhaka GPO Booth 1"},
        "time": TIME,
    },
    "long": {
        "challenge": {"code": "Bx7/WMGD-mWq_WMGW", "until": "2026-11-23 21:25"},
        "device": {"name": "evdev:1a86:e026@platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.4.3:1.0"},
        "booth": LONG_BOOTH,
        "time": TIME,
    },
}
_ORDERS = [
    ("CONFIRM", "লেবেল ঠিক আছে", "The label came out"),
    ("REPRINT", "আবার ছাপুন", "Print the label again"),
    ("VOID", "পার্সেল বাতিল করুন", "Give up the parcel in hand"),
    ("ZERO", "স্কেল শূন্য করুন", "Zero the scale"),
    ("TARE", "পাত্রের ওজন বাদ দিন", "Tare the scale"),
]
_SHEET: Data = {"commands": {"until": "2027-11-23"}, "booth": BOOTH, "time": TIME}
_CODES: list[Data] = [
    {"code": f"BXC1-{verb}-M-20271123-7K3M9P-ABCDEFGH23456723", "name": name, "name_bn": name_bn}
    for verb, name_bn, name in _ORDERS
]
_ONCE: Data = {
    "code": "BXC1-CONFIRM-S-20271123-9Z8Y7X-ZYXWVUTSRQPONMLK",
    "name": f"{_ORDERS[2][2]} (once)",
    "name_bn": f"{_ORDERS[2][1]} (একবার)",
}
COMMANDS: dict[str, Data] = {
    "five": {**_SHEET, "command": _CODES},
    "one": {**_SHEET, "command": _CODES[3:4]},
    "long": {**_SHEET, "booth": LONG_BOOTH, "command": [*_CODES, _ONCE]},
}
PRINT_TEST: dict[str, Data] = {
    name: {"booth": booth, "time": TIME, "agent": {"version": version}, "label": {"mark": mark}}
    for name, booth, version, mark in (
        ("booth", BOOTH, "0.1.0", "BXL1:0123456789ab:1:8f2c41d09ab3"),
        ("long", LONG_BOOTH, "10.20.30", "BXL1:0123456789ab:20:8f2c41d09ab3"),
    )
}

SAMPLES: dict[str, dict[str, Data]] = {
    "parcel-80": PARCEL,
    "parcel-100x100": PARCEL,
    "parcel-100x150": PARCEL,
    "item-50x30": STICKER,
    "receipt-80": RECEIPT,
    "cod-receipt-80": COD_RECEIPT,
    "bag-100x75": BAG,
    "status-80": STATUS,
    "challenge-80": CHALLENGE,
    "commands-80": COMMANDS,
    "print-test-80": PRINT_TEST,
}
