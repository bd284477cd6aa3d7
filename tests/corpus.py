"""Sixty things somebody might have told a memory, for tests with the real embedder."""

from __future__ import annotations

CORPUS = """
I adopted a beagle called Rex from the shelter in March.
Rex is afraid of thunder and hides under the bed.
My sister Ana moved to Lisbon to paint boats.
The garage code is 4471, but please do not write it on the door.
We planted two apple trees behind the house last autumn.
Doctor Lindqvist says that I should cut down on salt.
The train to Kraków leaves at 6:40 from platform nine.
I am allergic to peanuts and carry a pen with me.
Our boiler makes a knocking noise when it gets cold outside.
Ben plays the cello in a quartet on Thursdays.
The Wi-Fi password is on a yellow note inside the fuse box.
My grandmother's recipe for plum cake needs a whole lemon.
I prefer window seats on long flights.
The roof was repaired by a firm from Gothenburg.
We celebrate our anniversary on the ninth of June.
My manager is called Priya and she likes short reports.
The red bicycle was stolen outside the library.
I read three novels by Ursula Le Guin over the summer.
The kitchen tap drips unless you turn it hard to the left.
Tomorrow's meeting was moved to half past two.
I broke my left wrist when I was skating as a child.
The neighbour's cat sleeps on our balcony every afternoon.
My passport expires in the spring of 2029.
We pay the rent on the first of each month.
Uncle Oskar keeps bees and sells honey at the market.
The printer only works after it is switched off and on again.
I would like to learn Portuguese before we visit Ana.
The vaccination of the puppies is due in two weeks.
My favourite painting is a small Vermeer in The Hague.
The spare key hangs behind the calendar in the hall.
Leila started at a nursery school near the river.
I cannot drink coffee after four or I lie awake.
The old piano was too heavy for the second floor.
Marco, who fixed our boiler, also builds wooden canoes.
The insurance number begins with KX and ends with 88.
We saw a total eclipse of the sun in Iceland.
The dishwasher is still under warranty until December.
My thesis was about the migration of arctic terns.
The lease of the car ends after forty months.
I gave up smoking on New Year's Day.
The Tuesday choir rehearses a requiem by Fauré.
Please call me Sam, nobody says Samantha.
The tomatoes on the terrace got blight again.
I lent my tent to a colleague and never saw it again.
Our daughter wants to become a marine biologist.
The dentist found no cavities this time.
Half of the budget went into new windows.
There is a bakery on Mill Lane that makes rye bread.
I run ten kilometres along the canal each Sunday.
The concert was cancelled because the singer lost her voice.
The moving company scratched the walnut table.
My first computer was a Commodore 64.
The school play is about Marie Curie.
We keep the medicines on the top shelf, away from the children.
The ferry to the island takes forty minutes in good weather.
The tax return must be posted by the end of April.
My knees hurt when I climb stairs.
The Oyarzun family invited us to a wedding in Bilbao.
Itziar Oyarzun restores violins in a workshop in Cremona.
It snowed so hard that the airport was closed for a day.
""".strip().splitlines()

UNKNOWN = [
    "Which stocks should a pension fund hold during inflation?",
    "How many moons does Jupiter have?",
    "What is the boiling point of nitrogen?",
    "Who won the football world cup in 1974?",
    "Explain how a transistor amplifies a signal.",
    "What did the senate decide about tariffs on steel?",
    "Which enzymes digest lactose?",
    "Is the Riemann hypothesis proved?",
]
